// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Calls about projects (linux/fs.h, linux/quota.h, quotactl(2)): what belongs to one is counted together, whoever it belongs to.
const (
	fsGetXattr = 0x801c581f
	fsSetXattr = 0x401c5820

	xflagInherit = 1 << 9 // FS_XFLAG_PROJINHERIT

	getQuota, setQuota = 0x800007, 0x800008
	projectQuota       = 2
	limitsSpace        = 1 // QIF_BLIMITS
	quotaBlock         = 1024
)

// fsxattr is struct fsxattr.
type fsxattr struct {
	flags, extent, extents, project, copyExtent uint32
	pad                                         [8]byte
}

// dqblk is struct if_dqblk.
type dqblk struct {
	hardSpace, softSpace, space  uint64
	hardInodes, softInodes, used uint64
	spaceTime, inodesTime        uint64
	valid                        uint32
	pad                          uint32
}

// Project tells to which project the file at fd belongs, 0 for none. ENOTTY or EOPNOTSUPP where there are none.
func Project(fd int) (uint32, error) {
	var a fsxattr
	if err := ioctl(fd, fsGetXattr, unsafe.Pointer(&a)); err != nil {
		return 0, fmt.Errorf("read project: %w", err)
	}
	return a.project, nil
}

// SetProject makes the file at fd a part of a project, and of a directory also what is made in it from then on. Only who is in the first
// user namespace may.
func SetProject(fd int, id uint32, directory bool) error {
	var a fsxattr
	if err := ioctl(fd, fsGetXattr, unsafe.Pointer(&a)); err != nil {
		return fmt.Errorf("read project: %w", err)
	}
	want := a
	want.project = id
	if directory {
		want.flags |= xflagInherit
	}
	if want == a {
		return nil
	}
	if err := ioctl(fd, fsSetXattr, unsafe.Pointer(&want)); err != nil {
		return fmt.Errorf("set project: %w", err)
	}
	return nil
}

// ProjectQuota tells how many bytes a project of the file system at fd uses, how many files, and how many bytes it may, ^uint64(0) for any.
// ESRCH where there are no quotas. Linux 5.14 or newer.
func ProjectQuota(fd int, id uint32) (used, files, limit uint64, err error) {
	var q dqblk
	if err := quotactl(fd, getQuota, id, &q); err != nil && err != unix.ENOENT {
		return 0, 0, 0, fmt.Errorf("read quota of project %d: %w", id, err)
	}
	limit = unlimited
	if q.hardSpace != 0 {
		limit = q.hardSpace * quotaBlock
	}
	return q.space, q.used, limit, nil
}

// LimitProject bounds how many bytes a project may use; ^uint64(0) takes the bound away. Errors are those of [ProjectQuota].
func LimitProject(fd int, id uint32, bytes uint64) error {
	q := dqblk{valid: limitsSpace}
	if bytes != unlimited {
		q.hardSpace = max(1, bytes/quotaBlock)
		q.softSpace = q.hardSpace
	}
	if err := quotactl(fd, setQuota, id, &q); err != nil {
		return fmt.Errorf("set quota of project %d: %w", id, err)
	}
	return nil
}

func quotactl(fd int, command uintptr, id uint32, q *dqblk) error {
	_, _, errno := unix.Syscall6(unix.SYS_QUOTACTL_FD, uintptr(fd), command<<8|projectQuota, uintptr(id), uintptr(unsafe.Pointer(q)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
