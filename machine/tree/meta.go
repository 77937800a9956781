// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"bytes"
	"strings"

	"golang.org/x/sys/unix"
)

// maxAttribute bounds one extended attribute and a list of them, as Linux does.
const maxAttribute = 64 << 10

// mode is that of a copy.
func (c *copier) mode(st *unix.Stat_t) uint32 {
	if c.o.Distrust && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return st.Mode & 0o1777
	}
	return st.Mode & 0o7777
}

func (c *copier) owner(st *unix.Stat_t) (uid, gid int) {
	if c.o.Owner != nil {
		return c.o.Owner.UID, c.o.Owner.GID
	}
	return int(st.Uid), int(st.Gid)
}

// own sets owner and times of what is at a place and cannot be opened.
func (c *copier) own(p Place, st *unix.Stat_t) error {
	uid, gid := c.owner(st)
	if err := unix.Fchownat(p.Dir, p.Name, uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	return unix.UtimesNanoAt(p.Dir, p.Name, times(st), unix.AT_SYMLINK_NOFOLLOW)
}

// finish sets owner, mode, attributes and times of an open file or directory,
// in this order: a change of owner takes the set-user-ID bits, a change of mode
// changes an access list.
func (c *copier) finish(src, dst int, st *unix.Stat_t) error {
	uid, gid := c.owner(st)
	if err := unix.Fchown(dst, uid, gid); err != nil {
		return err
	}
	if err := unix.Fchmod(dst, c.mode(st)); err != nil {
		return err
	}
	if err := c.attributes(src, dst); err != nil {
		return err
	}
	return unix.UtimesNanoAt(dst, "", times(st), unix.AT_EMPTY_PATH)
}

// attributes copies extended attributes. A file system that has none, or not
// this one, is no error.
func (c *copier) attributes(src, dst int) error {
	list := room(&c.list, maxAttribute)
	n, err := unix.Flistxattr(src, list)
	if err != nil {
		return tolerate(err)
	}
	for name := range bytes.SplitSeq(list[:n], []byte{0}) {
		if !c.wanted(string(name)) {
			continue
		}
		value := room(&c.value, maxAttribute)
		size, err := unix.Fgetxattr(src, string(name), value)
		if err == nil {
			err = unix.Fsetxattr(dst, string(name), value[:size], 0)
		}
		if err := tolerate(err); err != nil {
			return err
		}
	}
	return nil
}

func (c *copier) wanted(name string) bool {
	return name != "" && (c.o.AllAttributes || strings.HasPrefix(name, "user."))
}

func tolerate(err error) error {
	switch err {
	case unix.EOPNOTSUPP, unix.ENODATA, unix.ENOSYS, unix.EPERM, unix.EACCES, unix.E2BIG, unix.ERANGE:
		return nil
	}
	return err
}

func times(st *unix.Stat_t) []unix.Timespec { return []unix.Timespec{st.Atim, st.Mtim} }
