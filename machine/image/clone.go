// SPDX-License-Identifier: Apache-2.0

package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
	"machined-go/machine/tree"
)

// Clone makes a copy of an image in the pool under a new name, with the files
// that go with it: a snapshot of a btrfs subvolume, a copy otherwise, whose
// data is shared where the file system can. EEXIST if the name is taken. The
// original is not locked: what is being written meanwhile may be half in it.
func (i *Image) Clone(ctx context.Context, name string, readOnly bool, told func(tree.Progress)) error {
	lock, err := claim(name)
	if err != nil {
		return err
	}
	defer Release(lock)
	if err := i.clone(ctx, name, readOnly, told); err != nil {
		return fmt.Errorf("clone image %q to %q: %w", i.Name, name, err)
	}
	i.cloneCompanions(func(from, to string) error { return copyFile(ctx, from, to) }, name)
	return nil
}

// Derive is Clone of the files of the image alone, which can be written to.
func (i *Image) Derive(ctx context.Context, name string) error {
	lock, err := claim(name)
	if err != nil {
		return err
	}
	defer Release(lock)
	if err := i.clone(ctx, name, false, nil); err != nil {
		return fmt.Errorf("make image %q from %q: %w", name, i.Path, err)
	}
	return nil
}

// DeriveAt is Derive to a path that need not be in the pool. EEXIST if something
// is there.
func (i *Image) DeriveAt(ctx context.Context, path string) error {
	dir, name := filepath.Split(filepath.Clean(path))
	if dir = filepath.Clean(dir); dir == PoolPath {
		return i.Derive(ctx, name)
	}
	if err := i.cloneTo(ctx, dir, name, false, nil); err != nil {
		return fmt.Errorf("make tree %q from %q: %w", path, i.Path, err)
	}
	return nil
}

func (i *Image) clone(ctx context.Context, name string, readOnly bool, told func(tree.Progress)) error {
	if err := os.MkdirAll(PoolPath, 0o700); err != nil {
		return err
	}
	return i.cloneTo(ctx, PoolPath, i.clonedFile(name), readOnly, told)
}

// cloneTo makes a copy in a directory. It has its name once it is whole.
func (i *Image) cloneTo(ctx context.Context, folder, file string, readOnly bool, told func(tree.Progress)) error {
	if i.Type == Block || i.Type == Stack {
		return unix.EOPNOTSUPP
	}
	to, dir, err := place(filepath.Join(folder, making+sys.RandomName()))
	if err != nil {
		return err
	}
	defer dir.Close()
	lock, err := LockName(to.Name)
	if err != nil {
		return err
	}
	defer Release(lock)
	err = i.copyTo(ctx, to, readOnly, told)
	if err == nil {
		err = unix.Renameat2(to.Dir, to.Name, to.Dir, file, unix.RENAME_NOREPLACE)
	}
	if err != nil {
		_ = tree.Remove(context.WithoutCancel(ctx), to)
		return err
	}
	if i.Type == Directory && readOnly {
		// Only now: what is immutable cannot be renamed. A subvolume has its own mark.
		return i.markClone(filepath.Join(folder, file))
	}
	return nil
}

func (i *Image) clonedFile(name string) string {
	if i.Type == Raw {
		return name + ".raw"
	}
	return name
}

func (i *Image) markClone(path string) error {
	img, err := directory(path)
	if err != nil || img.Type == Subvolume {
		return err
	}
	_, err = setImmutable(path, true)
	if err == unix.ENOTTY || err == unix.EOPNOTSUPP {
		return nil // as stock: a file system without the flag
	}
	return err
}

// copyTo makes the copy at a place.
func (i *Image) copyTo(ctx context.Context, to tree.Place, readOnly bool, told func(tree.Progress)) error {
	opts := tree.Options{AllAttributes: true, OneMount: true, Told: told}
	path := i.Path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // an image may be linked into the pool
	}
	from, dir, err := place(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if path == "/" {
		from.Name = "."
	}
	if i.Type == Raw {
		return copyRaw(ctx, from, to, readOnly, opts)
	}
	if i.Type == Subvolume && snapshot(path, to, readOnly) == nil {
		return nil
	}
	// A subvolume, where there can be one, makes the next clone a snapshot.
	made := sys.MakeSubvolume(to.Dir, to.Name) == nil
	if err := tree.Copy(ctx, from, to, opts); err != nil {
		return err
	}
	if !made {
		return nil
	}
	return settle(from, to, readOnly)
}

func snapshot(path string, to tree.Place, readOnly bool) error {
	src, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(src)
	return sys.Snapshot(src, to.Dir, to.Name, readOnly)
}

// settle gives a new subvolume what a directory that is merged into does not
// get: owner and mode of the original, and the mark.
func settle(from, to tree.Place, readOnly bool) error {
	var st unix.Stat_t
	if err := unix.Fstatat(from.Dir, from.Name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	fd, err := unix.Openat(to.Dir, to.Name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Fchown(fd, int(st.Uid), int(st.Gid)); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, st.Mode&0o7777); err != nil || !readOnly {
		return err
	}
	return sys.MarkSubvolume(fd, true)
}

// copyRaw copies a disk image and gives it the mode that says whether it is
// read-only.
func copyRaw(ctx context.Context, from, to tree.Place, readOnly bool, opts tree.Options) error {
	if err := tree.Copy(ctx, from, to, opts); err != nil {
		return err
	}
	mode := uint32(0o644)
	if readOnly {
		mode = 0o444
	}
	return unix.Fchmodat(to.Dir, to.Name, mode, 0)
}

func copyFile(ctx context.Context, from, to string) error {
	src, a, err := place(from)
	if err != nil {
		return err
	}
	defer a.Close()
	dst, b, err := place(to)
	if err != nil {
		return err
	}
	defer b.Close()
	return tree.Copy(ctx, src, dst, tree.Options{})
}
