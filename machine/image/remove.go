// SPDX-License-Identifier: Apache-2.0

package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
	"machined-go/machine/tree"
)

// Names of what is not an image any more, or not yet. ValidName refuses them.
const (
	removing = ".#remove-"
	making   = ".#make-"
)

// Remove removes an image with the files that go with it. ErrLocked if it is in
// use, ErrReadOnlyPlace if it is not ours. It loses its name first, so that an
// image is there whole or not at all; Tidy removes what a crash leaves.
func (i *Image) Remove(ctx context.Context) error {
	if err := i.changeable(); err != nil {
		return fmt.Errorf("remove image %q: %w", i.Name, err)
	}
	locks, err := Lock(i.Path, true)
	if err != nil {
		return err
	}
	defer Release(locks...)
	if err := i.removeFiles(ctx); err != nil {
		return fmt.Errorf("remove image %q: %w", i.Name, err)
	}
	i.removeCompanions()
	return nil
}

func (i *Image) removeFiles(ctx context.Context) error {
	var st unix.Stat_t
	if err := unix.Lstat(i.Path, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		if i.Type == Block && strings.HasPrefix(i.Path, "/dev/") {
			return nil // the device stays, only what goes with it does not
		}
		return unix.Unlink(i.Path)
	}
	if err := writable(i.Path); err != nil {
		return err
	}
	p, dir, err := place(i.Path)
	if err != nil {
		return err
	}
	defer dir.Close()
	gone := tree.Place{Dir: p.Dir, Name: removing + sys.RandomName()}
	lock, err := LockName(gone.Name)
	if err != nil {
		return err
	}
	defer Release(lock)
	switch err := unix.Renameat2(p.Dir, p.Name, gone.Dir, gone.Name, unix.RENAME_NOREPLACE); {
	case err == unix.EBUSY || err == unix.EXDEV:
		return unix.EBUSY // something is mounted there
	case err != nil:
		return err
	}
	return tree.Remove(ctx, gone)
}

// writable takes away what keeps a directory or subvolume from being renamed.
func writable(path string) error {
	if _, err := setImmutable(path, false); err != nil {
		return err
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if ro, err := sys.SubvolumeReadOnly(fd); err == nil && ro {
		return sys.MarkSubvolume(fd, false)
	}
	return nil
}

// Tidy removes from the pool what was being made or removed when whoever did it
// died, and the lock files that nobody holds any more.
func Tidy(ctx context.Context) error {
	err := tidy(ctx, PoolPath)
	sweepLocks(lockDir, "*")
	sweepLocks(PoolPath, ".#*.lck")
	return err
}

func sweepLocks(dir, pattern string) {
	files, _ := filepath.Glob(filepath.Join(dir, pattern)) // the pattern is sound, and there may be no directory yet
	for _, f := range files {
		sys.RemoveLock(f)
	}
}

func tidy(ctx context.Context, pool string) error {
	entries, err := os.ReadDir(pool)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), removing) && !strings.HasPrefix(e.Name(), making) {
			continue
		}
		lock, lockErr := LockName(e.Name())
		if errors.Is(lockErr, ErrLocked) {
			continue // somebody is at it
		}
		path := filepath.Join(pool, e.Name())
		if e.IsDir() {
			_ = writable(path)
		}
		p, dir, placeErr := place(path)
		if placeErr == nil {
			errs = append(errs, tree.Remove(ctx, p))
			dir.Close()
		}
		Release(lock)
	}
	return errors.Join(append(errs, err)...)
}

// Removed is what Clean removed.
type Removed struct {
	Name  string
	Usage uint64 // bytes that were its own, Unknown if so
}

// Clean removes hidden images, or, if all is set, all that are not in use. Those
// of the vendor stay.
func Clean(ctx context.Context, all bool) ([]Removed, error) {
	images, err := List()
	if err != nil {
		return nil, err
	}
	removed := []Removed{}
	for k := range images {
		i := &images[k]
		if i.changeable() != nil || !all && !i.Hidden() {
			continue
		}
		err := i.Remove(ctx)
		if errors.Is(err, ErrLocked) {
			continue
		}
		if err != nil {
			return removed, err
		}
		removed = append(removed, Removed{i.Name, i.UsageExclusive})
	}
	return removed, Tidy(ctx)
}
