// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"os"
	"path/filepath"
	"testing"
)

func TestScratch(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes a directory of root's: needs root")
	}
	notes := t.TempDir()
	kept, left := ScratchPath("scratch-test"), ScratchPath("scratch-test")
	for _, path := range []string{kept, left} {
		if err := MakeScratch(path); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(path, "a/b"), 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := RemoveScratch(kept); err != nil {
			t.Error(err)
		}
	})
	// What others left there must stay for this test: it may run beside real machines.
	others, _ := filepath.Glob(filepath.Join(Scratch, "*"))
	var named []string
	for _, o := range others {
		if o != left {
			named = append(named, o)
		}
	}
	if err := os.WriteFile(filepath.Join(notes, "web"), []byte(NoteText("process 1", []string{"/run/lock"}, named)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := SweepScratch(notes, notes); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what no note names is left")
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error("what a note names is gone: ", err)
	}
}

func TestRemoveScratchRemovesNothingElse(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, Scratch, Scratch + "/..", Scratch + "/a/b", "/"} {
		if err := RemoveScratch(path); err == nil {
			t.Errorf("removed %s", path)
		}
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}
