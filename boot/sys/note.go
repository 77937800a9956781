// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Notes is where the names of machines are claimed, a file a machine. Its first line says who started the machine, each further
// one names a lock file that goes with it. It is locked, like these, by whoever holds the machine: a starter, a command in the
// foreground, or the file descriptor store of the machine's service. So a note that can be locked is a left-over.
const Notes = "/run/machined-go/notes"

// maxNote bounds what is read of a note.
const maxNote = 64 << 10

// RemoveNote removes the note of that name below dir, and the lock files it names that nobody holds, unless somebody holds the
// note itself, which is no error: gone is false then.
func RemoveNote(dir, name string) (gone bool, err error) {
	path := filepath.Join(dir, name)
	if _, err := os.Lstat(path); err != nil {
		return false, nil
	}
	f, err := Lock(path, true)
	if err == ErrLocked {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxNote))
	if err != nil {
		return false, err
	}
	_, locks, _ := strings.Cut(string(text), "\n")
	for lock := range strings.Lines(locks) {
		removeSoon(strings.TrimSuffix(lock, "\n"))
	}
	return true, os.Remove(path)
}

// removeSoon has some patience: systemd lets go of a service's descriptors one after the other, and not of the note's last.
func removeSoon(lock string) {
	const tries, pause = 10, 2 * time.Millisecond
	for range tries {
		RemoveLock(lock)
		if _, err := os.Lstat(lock); err != nil {
			return
		}
		time.Sleep(pause)
	}
}

// RemoveLock removes a lock file that nobody holds.
func RemoveLock(path string) {
	if _, err := os.Lstat(path); err != nil {
		return
	}
	if f, err := Lock(path, true); err == nil {
		_ = os.Remove(path) // while held, so that no other holder is robbed
		f.Close()
	}
}
