// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"encoding/binary"
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
	btrfsSubvolGetInfo  = 0x81f8943c
	btrfsTreeSearch     = 0xd0009411

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

// IsSubvolume tells whether fd is the top directory of a btrfs subvolume.
func IsSubvolume(fd int) bool {
	const top = 256 // inode number of each
	var st unix.Stat_t
	var fs unix.Statfs_t
	return unix.Fstat(fd, &st) == nil && st.Ino == top && unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.BTRFS_SUPER_MAGIC
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

// btrfsSubvolInfo is struct btrfs_ioctl_get_subvol_info_args.
type btrfsSubvolInfo struct {
	tree                       uint64
	name                       [256]byte
	parent, dir, gen, flags    uint64
	uuids                      [3][16]byte
	transids                   [4]uint64
	changed, made, sent, taken btrfsTime
	reserved                   [8]uint64
}

type btrfsTime struct {
	sec       uint64
	nsec, pad uint32
}

func (t btrfsTime) micros() uint64 { return t.sec*1_000_000 + uint64(t.nsec)/1000 }

// SubvolumeTimes tells when the btrfs subvolume at fd was made and last changed, in µs since 1970. Linux 4.18 or newer.
func SubvolumeTimes(fd int) (made, changed uint64, err error) {
	var info btrfsSubvolInfo
	if err := ioctl(fd, btrfsSubvolGetInfo, unsafe.Pointer(&info)); err != nil {
		return 0, 0, fmt.Errorf("read times of subvolume: %w", err)
	}
	return info.made.micros(), info.changed.micros(), nil
}

// Quota is what a subvolume uses and may use, in bytes; what is not known or not bounded is ^uint64(0).
type Quota struct{ Usage, UsageExclusive, Limit, LimitExclusive uint64 }

// unlimited is a size that is not known or not bounded.
const unlimited = ^uint64(0)

// NoQuota knows nothing.
func NoQuota() Quota { return Quota{unlimited, unlimited, unlimited, unlimited} }

// btrfsSearch is struct btrfs_ioctl_search_args.
type btrfsSearch struct {
	tree                               uint64
	minObject, maxObject               uint64
	minOffset, maxOffset               uint64
	minTransid, maxTransid             uint64
	minType, maxType, items, unused    uint32
	unused1, unused2, unused3, unused4 uint64
	found                              [3992]byte
}

// SubvolumeQuota reads the quota group of the btrfs subvolume at fd alone. ENOENT if quotas are off there.
func SubvolumeQuota(fd int) (Quota, error) {
	const quotaTree, groupInfo, groupLimit = 8, 242, 244
	var info btrfsSubvolInfo
	if err := ioctl(fd, btrfsSubvolGetInfo, unsafe.Pointer(&info)); err != nil {
		return Quota{}, fmt.Errorf("read quota of subvolume: %w", err)
	}
	s := btrfsSearch{tree: quotaTree, minOffset: info.tree, maxOffset: info.tree, maxTransid: ^uint64(0), minType: groupInfo, maxType: groupLimit, items: 16}
	if err := ioctl(fd, btrfsTreeSearch, unsafe.Pointer(&s)); err != nil {
		return Quota{}, fmt.Errorf("read quota of subvolume: %w", err)
	}
	q := NoQuota()
	const header, item = 32, 40 // struct btrfs_ioctl_search_header, both kinds of items
	b, le := s.found[:], binary.LittleEndian
	for range s.items {
		if len(b) < header {
			break
		}
		offset, kind, size := binary.NativeEndian.Uint64(b[16:]), binary.NativeEndian.Uint32(b[24:]), binary.NativeEndian.Uint32(b[28:])
		b = b[header:]
		if int64(size) > int64(len(b)) {
			break
		}
		if offset == info.tree && size >= item {
			q.take(kind == groupInfo, kind == groupLimit, le.Uint64(b), le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint64(b[24:]))
		}
		b = b[size:]
	}
	if q.Usage == unlimited {
		return q, fmt.Errorf("read quota of subvolume: %w", unix.ENOENT)
	}
	return q, nil
}

// take takes what an item of a quota group says, in the order of struct btrfs_qgroup_info_item or btrfs_qgroup_limit_item.
func (q *Quota) take(isInfo, isLimit bool, first, second, third, fourth uint64) {
	const maxReferred, maxExclusive = 1 << 0, 1 << 1
	if isInfo {
		q.Usage, q.UsageExclusive = second, fourth
	}
	if isLimit && first&maxReferred != 0 {
		q.Limit = second
	}
	if isLimit && first&maxExclusive != 0 {
		q.LimitExclusive = third
	}
}
