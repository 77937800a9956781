// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestRemoveNote(t *testing.T) {
	dir := t.TempDir()
	there := func(name string) bool {
		_, err := os.Lstat(filepath.Join(dir, name))
		return err == nil
	}
	lock := func(name string) *os.File {
		f, err := Lock(filepath.Join(dir, name), true)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	note, free, held := lock("web"), lock("free"), lock("held")
	defer held.Close()
	if _, err := note.WriteString("contain@web.service\n" + free.Name() + "\n" + held.Name() + "\n/nonexistent\ntree /var/tmp/x y\n"); err != nil {
		t.Fatal(err)
	}
	free.Close()

	if gone, _, err := RemoveNote(dir, "web"); gone || err != nil || !there("web") || !there("free") {
		t.Errorf("removed a note that is held: %v, %v", gone, err)
	}
	note.Close()
	gone, trees, err := RemoveNote(dir, "web")
	if !gone || err != nil || there("web") || there("free") {
		t.Errorf("left a note that nobody holds: %v, %v", gone, err)
	}
	if !slices.Equal(trees, []string{"/var/tmp/x y"}) {
		t.Errorf("names trees %q", trees)
	}
	if !there("held") {
		t.Error("removed a lock that somebody holds")
	}
	if gone, _, err := RemoveNote(dir, "web"); gone || err != nil || there("web") {
		t.Errorf("a note that is not there: %v, %v", gone, err)
	}
}

// systemd may let go of the note before it does of the locks.
func TestRemoveNoteWaitsForItsLocks(t *testing.T) {
	dir := t.TempDir()
	late, err := Lock(filepath.Join(dir, "late"), true)
	if err != nil {
		t.Fatal(err)
	}
	shared, err := Lock(filepath.Join(dir, "shared"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Close()
	if err := os.WriteFile(filepath.Join(dir, "web"), []byte("contain@web.service\n"+shared.Name()+"\n"+late.Name()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(150*time.Millisecond, func() { late.Close() })
	if gone, _, err := RemoveNote(dir, "web"); !gone || err != nil {
		t.Fatalf("removed: %v, %v", gone, err)
	}
	if _, err := os.Lstat(late.Name()); err == nil {
		t.Error("left a lock that was held a little longer")
	}
	if _, err := os.Lstat(shared.Name()); err != nil {
		t.Error("removed a lock that others share")
	}
}
