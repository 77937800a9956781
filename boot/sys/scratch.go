// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Scratch is where directories are that go with a machine: what it changes and need not keep. They are named in its note, and what
// no note names there is a left-over.
const Scratch = "/var/tmp/machined-go"

// SnapshotPrefix begins the names of snapshots that go with a machine, beside the image that they are of.
const SnapshotPrefix = ".#machined-go-"

// scratchSuffix ends the names of scratch directories beside an image, so that they are not taken for snapshots.
const scratchSuffix = ".scratch"

// ScratchPath is a new path in [Scratch].
func ScratchPath(machine string) string { return filepath.Join(Scratch, machine+"-"+RandomName()) }

// ScratchBeside is a new path for a scratch directory beside an image.
func ScratchBeside(image, machine string) string { return SnapshotPath(image, machine) + scratchSuffix }

// IsScratch tells a scratch directory from a snapshot.
func IsScratch(path string) bool {
	return filepath.Dir(path) == Scratch || strings.HasSuffix(path, scratchSuffix)
}

// TakesUpper tells whether [Scratch] is on a file system that can hold an overlay's upper directory, as another overlay cannot.
func TakesUpper() bool {
	var st unix.Statfs_t
	return unix.Statfs(filepath.Dir(Scratch), &st) == nil && st.Type != unix.OVERLAYFS_SUPER_MAGIC
}

// SnapshotPath is a new path for a snapshot of an image, beside it.
func SnapshotPath(image, machine string) string {
	return filepath.Join(filepath.Dir(filepath.Clean(image)), SnapshotPrefix+machine+"-"+RandomName())
}

// MakeScratch makes a scratch directory.
func MakeScratch(path string) error {
	if filepath.Dir(path) == Scratch {
		if err := makeScratchDir(); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return fmt.Errorf("make scratch directory: %w", err)
	}
	return nil
}

// makeScratchDir makes [Scratch], which is root's alone, though anybody may write to /var/tmp.
func makeScratchDir() error {
	if err := os.Mkdir(Scratch, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make scratch directory: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Lstat(Scratch, &st); err != nil {
		return fmt.Errorf("make scratch directory: %w", err)
	}
	if st.Mode != unix.S_IFDIR|0o700 || st.Uid != uint32(os.Geteuid()) {
		return fmt.Errorf("make scratch directory: %s must be a directory of root's alone (mode 0700): remove what is there", Scratch)
	}
	return nil
}

// RemoveScratch removes a directory in [Scratch], or a snapshot, with all that is in it. Nobody may be using it.
func RemoveScratch(path string) error {
	dir, base := filepath.Split(filepath.Clean(path))
	if filepath.Clean(dir) != Scratch && !strings.HasPrefix(base, SnapshotPrefix) {
		return &os.PathError{Op: "remove", Path: path, Err: fs.ErrInvalid}
	}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(fd)
	if DestroySubvolume(fd, base) == nil {
		return nil
	}
	return os.RemoveAll(path)
}

// SweepScratch removes what is in [Scratch], and snapshots in the directory images, named by no note below notes.
func SweepScratch(notes, images string) error {
	left, _ := filepath.Glob(filepath.Join(Scratch, "*")) // the patterns are sound
	snapshots, _ := filepath.Glob(filepath.Join(images, SnapshotPrefix+"*"))
	if left = append(left, snapshots...); len(left) == 0 {
		return nil
	}
	// Only now, for a directory is named before it is made.
	entries, err := os.ReadDir(notes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	named := map[string]bool{}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(notes, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, trees, err := ReadNote(f)
		f.Close()
		if err != nil {
			return err
		}
		for _, t := range trees {
			named[t] = true
		}
	}
	var errs []error
	for _, path := range left {
		if !named[path] {
			errs = append(errs, RemoveScratch(path))
		}
	}
	return errors.Join(errs...)
}
