// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// FDPath is a path that names an open descriptor of this process; for calls that take no descriptor. It needs /proc.
func FDPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// OpenIn opens path below the directory root, never leaving it whatever symlinks say, and without following magic links.
// flags are open(2)'s; O_CLOEXEC is added. Linux 5.6 or newer.
func OpenIn(root int, path string, flags uint64) (int, error) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(root, path, &how)
		switch err {
		case nil:
			return fd, nil
		case unix.EINTR, unix.EAGAIN: // EAGAIN: a rename elsewhere raced with the resolution
		default:
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}

// Mount mounts a file system of the given type on the directory fd.
func Mount(fstype string, fd int, flags uintptr, options string) error {
	return MountSource(fstype, fstype, fd, flags, options)
}

// MountSource is Mount of a file system that has a source.
func MountSource(fstype, source string, fd int, flags uintptr, options string) error {
	if err := unix.Mount(source, FDPath(fd), fstype, flags, options); err != nil {
		return fmt.Errorf("mount %s: %w", fstype, err)
	}
	return nil
}

// CloneTree makes a detached copy of the mount at fd, with the mounts below it when recursive is set. Linux 5.2 or newer.
func CloneTree(fd int, recursive bool) (int, error) {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	tree, err := unix.OpenTree(fd, "", flags)
	if err != nil {
		return -1, fmt.Errorf("open_tree: %w", err)
	}
	return tree, nil
}

// SetMountAttr sets mount attributes (unix.MOUNT_ATTR_…) of the mount at fd. Linux 5.12 or newer.
func SetMountAttr(fd int, recursive bool, attr unix.MountAttr) error {
	flags := uint(unix.AT_EMPTY_PATH)
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	if err := unix.MountSetattr(fd, "", flags, &attr); err != nil {
		return fmt.Errorf("mount_setattr: %w", err)
	}
	return nil
}

// Attach puts the detached mount tree on top of what target names.
func Attach(tree, target int) error {
	err := unix.MoveMount(tree, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	if err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	return nil
}

// Propagate changes how mounts at and below path propagate; how is MS_PRIVATE, MS_SLAVE or MS_SHARED.
func Propagate(path string, how uintptr) error {
	if err := unix.Mount("", path, "", how|unix.MS_REC, ""); err != nil {
		return &os.PathError{Op: "change mount propagation of", Path: path, Err: err}
	}
	return nil
}

// PivotTo makes the mount at fd the root of the calling thread's mount namespace and drops everything else from it.
// All processes in the namespace that had the old root get the new one.
func PivotTo(fd int) error {
	if err := unix.Fchdir(fd); err != nil {
		return fmt.Errorf("fchdir to new root: %w", err)
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount old root: %w", err)
	}
	return nil
}

// MountID tells on which mount fd is. Linux 5.8 or newer.
func MountID(fd int) (uint64, error) {
	var sx unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &sx); err != nil {
		return 0, fmt.Errorf("statx: %w", err)
	}
	return sx.Mnt_id, nil
}

// SamePlace tells whether a and b are one file on one mount.
func SamePlace(a, b int) (bool, error) {
	var x, y unix.Statx_t
	for fd, sx := range map[int]*unix.Statx_t{a: &x, b: &y} {
		if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID|unix.STATX_INO, sx); err != nil {
			return false, fmt.Errorf("statx: %w", err)
		}
	}
	return x.Mnt_id == y.Mnt_id && x.Ino == y.Ino, nil
}

// OpenBeneath opens path below the directory root, and gives EXDEV if it leads out, be it by a symbolic link; magic links are not
// followed. flags are open(2)'s; O_CLOEXEC is added. Linux 5.6 or newer.
func OpenBeneath(root int, path string, flags uint64) (int, error) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(root, path, &how)
		switch err {
		case nil:
			return fd, nil
		case unix.EINTR, unix.EAGAIN: // as in OpenIn
		default:
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}
