// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"os"
	"path/filepath"
	"testing"
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
	if _, err := note.WriteString("contain@web.service\n" + free.Name() + "\n" + held.Name() + "\n/nonexistent\n"); err != nil {
		t.Fatal(err)
	}
	free.Close()

	if gone, err := RemoveNote(dir, "web"); gone || err != nil || !there("web") || !there("free") {
		t.Errorf("removed a note that is held: %v, %v", gone, err)
	}
	note.Close()
	if gone, err := RemoveNote(dir, "web"); !gone || err != nil || there("web") || there("free") {
		t.Errorf("left a note that nobody holds: %v, %v", gone, err)
	}
	if !there("held") {
		t.Error("removed a lock that somebody holds")
	}
	if gone, err := RemoveNote(dir, "web"); gone || err != nil || there("web") {
		t.Errorf("a note that is not there: %v, %v", gone, err)
	}
}
