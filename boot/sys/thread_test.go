// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOnThreadIsNeverTheFirst(t *testing.T) {
	for range 50 {
		if err := OnThread(func() error {
			if unix.Gettid() == unix.Getpid() {
				t.Error("on the first thread")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// What is made belongs to the ids, also where only a capability lets one write.
func TestAsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("takes other ids: needs root")
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := AsOwner(70000, 70001, func() error { return os.WriteFile(file, nil, 0o600) }); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if s := st.Sys().(*syscall.Stat_t); s.Uid != 70000 || s.Gid != 70001 {
		t.Errorf("owner is %d:%d", s.Uid, s.Gid)
	}
}
