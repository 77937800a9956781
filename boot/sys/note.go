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
// one names a lock file that goes with it, or after the word "tree" a directory; empty ones say nothing. It is locked, like these,
// by whoever holds the machine: a starter, a command in the foreground, or the file descriptor store of the machine's service. So a
// note that can be locked is a left-over.
const Notes = "/run/machined-go/notes"

// maxNote bounds what is read of a note.
const maxNote = 64 << 10

// RemoveNote removes the note of that name below dir, and the lock files it names that nobody holds, unless somebody holds the
// note itself, which is no error: gone is false then. The directories it names are left to the caller, for that can take long.
func RemoveNote(dir, name string) (gone bool, trees []string, err error) {
	path := filepath.Join(dir, name)
	if _, err := os.Lstat(path); err != nil {
		return false, nil, nil
	}
	f, err := Lock(path, true)
	if err == ErrLocked {
		return false, nil, nil
	}
	if err != nil {
		return false, nil, err
	}
	defer f.Close()
	locks, trees, err := ReadNote(f)
	if err != nil {
		return false, nil, err
	}
	for _, lock := range locks {
		removeSoon(lock)
	}
	return true, trees, os.Remove(path)
}

// tree is in front of a directory in a note.
const tree = "tree "

// ReadNote gives the lock files and directories that a note names.
func ReadNote(note io.ReaderAt) (locks, trees []string, err error) {
	text, err := io.ReadAll(io.NewSectionReader(note, 0, maxNote))
	if err != nil {
		return nil, nil, err
	}
	_, rest, _ := strings.Cut(string(text), "\n")
	for line := range strings.Lines(rest) {
		line = strings.TrimSuffix(line, "\n")
		if dir, ok := strings.CutPrefix(line, tree); ok {
			trees = append(trees, dir)
		} else if line != "" {
			locks = append(locks, line)
		}
	}
	return locks, trees, nil
}

// NoteText is the text of a note.
func NoteText(owner string, locks, trees []string) string {
	lines := append([]string{owner}, locks...)
	for _, t := range trees {
		lines = append(lines, tree+t)
	}
	return strings.Join(lines, "\n") + "\n"
}

// removeSoon has some patience: systemd lets go of a service's descriptors one after the other, not of the note's last, and on a busy
// host it takes its time. What several hold has other holders than that.
func removeSoon(lock string) {
	const first, last = 2 * time.Millisecond, time.Second
	for pause := first; pause < last; pause *= 2 {
		RemoveLock(lock)
		if _, err := os.Lstat(lock); err != nil {
			return
		}
		if f, err := Lock(lock, false); err == nil {
			f.Close()
			RemoveLock(lock) // for it may have gone, and come back by that look
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
