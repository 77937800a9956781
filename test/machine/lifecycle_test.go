// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// chain is the main job as a user types it.
const chain = `mctl start deb && mctl list && systemctl -M deb is-system-running --wait && journalctl -M deb -n1 &&
	machinectl status deb && machinectl shell deb /bin/true && mctl poweroff deb`

// rounds is how often the main job must work in a row.
func rounds(t *testing.T) int {
	text := os.Getenv("ROUNDS")
	switch {
	case text != "":
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("ROUNDS=%s: %v", text, err)
		}
		return n
	case mustRun():
		return 20
	}
	return 3
}

func TestMainJob(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		before := h.calm(t)
		t.Cleanup(func() { h.end("deb") })
		for round := range rounds(t) {
			begin := time.Now()
			h.mainJob(t)
			h.rebootAndStop(t)
			t.Logf("round %d took %v", round+1, time.Since(begin).Round(10*time.Millisecond))
		}
		h.nothingLeft(t, before)
	})
}

func (h *host) mainJob(t *testing.T) {
	t.Helper()
	said := h.Sh(t, chain)
	for _, want := range []string{
		"deb   container  running  debian", // mctl list
		"\nrunning\n",                      // is-system-running
		"]: ",                              // journalctl
		"Unit: machine-deb.scope\n",        // machinectl status
	} {
		if !strings.Contains(said, want) {
			t.Fatalf("no %q in what the main job says:\n%s", want, said)
		}
	}
}

func (h *host) rebootAndStop(t *testing.T) {
	t.Helper()
	const unit = "contain@deb.service"
	const bootID = "cat /proc/sys/kernel/random/boot_id"
	h.Sh(t, `systemctl start contain@deb`)
	first := h.inside(t, "deb", bootID)
	leader := h.leader(t, "deb")
	h.Sh(t, `systemctl -M deb reboot || true`) // the guest's bus may be gone before it answers; what counts is the new boot
	h.await(t, unit, "NRestarts=1", "ActiveState=active")
	if second := h.inside(t, "deb", bootID); second == first {
		t.Fatalf("after the reboot the boot id is still %q", second)
	}
	next := h.leader(t, "deb")
	if next == leader {
		t.Fatalf("after the reboot the leader is still %s", next)
	}
	if main := h.show(t, unit, "MainPID")["MainPID"]; main != next {
		t.Fatalf("the unit's main process is %s, the machine's leader %s", main, next)
	}
	h.Sh(t, `systemctl stop contain@deb`)
	h.await(t, unit, "ActiveState=inactive", "Result=success")
}

// leader is the pid of a machine's PID 1 on the host.
func (h *host) leader(t testing.TB, machine string) string {
	t.Helper()
	return strings.TrimSpace(h.Sh(t, `machinectl show "$1" -p Leader --value`, machine))
}
