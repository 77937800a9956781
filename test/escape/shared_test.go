// SPDX-License-Identifier: Apache-2.0

package escape_test

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// Root of a machine without users of its own is the host's, and may mount: who is meant to be kept in gets a user namespace (machine.toml(5),
// users.namespace). What is tried here holds without it all the same.
func TestWithoutUserNamespace(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		flags := []string{"--private-users=no"}
		h.nodes(t)
		for _, attack := range []string{"shown", "descriptors", "outside", "sockets", "handles", "kernel", "devices", "search"} {
			t.Run(attack, func(t *testing.T) { h.run(t, flags, attack) })
		}
		t.Run("keys", func(t *testing.T) { h.keys(t, flags...) })
		t.Run("leader", func(t *testing.T) { h.leader(t, flags...) })
	})
}

// attackShown looks at the masks, and lifts none.
func attackShown(r *record, _ []string) {
	for _, path := range hidden() {
		if err := unhidden(path, brief); err != nil {
			r.broken("%s: %v", path, err)
		}
	}
	for _, path := range sealed() {
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := writable(path, thorough); err != nil {
			r.broken("%s: %v", path, err)
		}
	}
	r.held("all masks are there")
}

// ownUsers tells whether the attacker is in a user namespace of its own.
func ownUsers() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(text)), " ") != "0 0 4294967295"
}
