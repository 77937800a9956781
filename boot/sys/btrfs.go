// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Calls of btrfs (linux/btrfs.h).
const (
	btrfsSnapDestroy    = 0x5000940f
	btrfsSubvolCreate   = 0x5000940e
	btrfsSnapCreateV2   = 0x50009417
	btrfsSubvolGetFlags = 0x80089419
	btrfsSubvolSetFlags = 0x4008941a
	btrfsQgroupLimit    = 0x8030942b

	btrfsSubvolReadOnly = 1 << 1
	btrfsMaxName        = 4087
	btrfsMaxNameV2      = 4039
)

type btrfsVolArgs struct {
	fd   int64
	name [btrfsMaxName + 1]byte
}

type btrfsVolArgsV2 struct {
	fd      int64
	transid uint64
	flags   uint64
	unused  [4]uint64
	name    [btrfsMaxNameV2 + 1]byte
}

func ioctl(fd int, req uintptr, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// MakeSubvolume makes a btrfs subvolume in the directory dir.
func MakeSubvolume(dir int, name string) error {
	var a btrfsVolArgs
	if len(name) > btrfsMaxName {
		return unix.ENAMETOOLONG
	}
	copy(a.name[:], name)
	if err := ioctl(dir, btrfsSubvolCreate, unsafe.Pointer(&a)); err != nil {
		return fmt.Errorf("make subvolume: %w", err)
	}
	return nil
}

// Snapshot makes a snapshot of the btrfs subvolume source as name in the directory dir of the same file system.
func Snapshot(source, dir int, name string, readOnly bool) error {
	a := btrfsVolArgsV2{fd: int64(source)}
	if len(name) > btrfsMaxNameV2 {
		return unix.ENAMETOOLONG
	}
	if readOnly {
		a.flags = btrfsSubvolReadOnly
	}
	copy(a.name[:], name)
	if err := ioctl(dir, btrfsSnapCreateV2, unsafe.Pointer(&a)); err != nil {
		return fmt.Errorf("make snapshot: %w", err)
	}
	return nil
}

// DestroySubvolume removes a btrfs subvolume with all its files, but fails with ENOTEMPTY if there are subvolumes in it.
func DestroySubvolume(dir int, name string) error {
	var a btrfsVolArgs
	if len(name) > btrfsMaxName {
		return unix.ENAMETOOLONG
	}
	copy(a.name[:], name)
	if err := ioctl(dir, btrfsSnapDestroy, unsafe.Pointer(&a)); err != nil {
		return fmt.Errorf("remove subvolume: %w", err)
	}
	return nil
}

// SubvolumeReadOnly tells whether a btrfs subvolume is marked read-only.
func SubvolumeReadOnly(fd int) (bool, error) {
	var flags uint64
	if err := ioctl(fd, btrfsSubvolGetFlags, unsafe.Pointer(&flags)); err != nil {
		return false, fmt.Errorf("read flags of subvolume: %w", err)
	}
	return flags&btrfsSubvolReadOnly != 0, nil
}

// MarkSubvolume marks a btrfs subvolume read-only, or writable again.
func MarkSubvolume(fd int, readOnly bool) error {
	var flags uint64
	if err := ioctl(fd, btrfsSubvolGetFlags, unsafe.Pointer(&flags)); err != nil {
		return fmt.Errorf("read flags of subvolume: %w", err)
	}
	now := flags &^ btrfsSubvolReadOnly
	if readOnly {
		now |= btrfsSubvolReadOnly
	}
	if now == flags {
		return nil
	}
	if err := ioctl(fd, btrfsSubvolSetFlags, unsafe.Pointer(&now)); err != nil {
		return fmt.Errorf("set flags of subvolume: %w", err)
	}
	return nil
}

// LimitSubvolume bounds how many bytes the btrfs subvolume at fd may refer to; ^uint64(0) takes the bound away. ENOTTY if fd is not
// on btrfs, ENOTCONN if quotas are off there.
func LimitSubvolume(fd int, bytes uint64) error {
	const maxReferred = 1 << 0
	args := struct{ group, flags, referred, exclusive, reservedReferred, reservedExclusive uint64 }{flags: maxReferred, referred: bytes}
	if err := ioctl(fd, btrfsQgroupLimit, unsafe.Pointer(&args)); err != nil {
		return fmt.Errorf("set limit of subvolume: %w", err)
	}
	return nil
}
