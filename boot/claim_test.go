// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"machined-go/boot/sys"
)

// A lock is in the note before it is taken, and no longer there when it could not be.
func TestLocksAreNotedFirst(t *testing.T) {
	dir := t.TempDir()
	name, err := os.Create(filepath.Join(dir, "note"))
	if err != nil {
		t.Fatal(err)
	}
	defer name.Close()
	c := claim{name: name}
	lock := c.locker("contain@web.service")
	noted := func(want string) {
		t.Helper()
		if locks, _, err := sys.ReadNote(name); err != nil || !slices.Equal(locks, []string{want}) {
			t.Errorf("noted: %q, %v; want %q", locks, err, want)
		}
	}

	missing := filepath.Join(dir, "a directory that is not there", "lock")
	if f, err := lock(missing, true); err == nil {
		f.Close()
		t.Fatal("made a directory")
	}
	noted(missing)
	taken := filepath.Join(dir, "lock")
	f, err := lock(taken, true)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	noted(taken)
}
