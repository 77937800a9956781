// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"golang.org/x/sys/unix"
)

// Device makes sure that there is a device or fifo at Path: it makes the node, or finds the very same there.
type Device struct {
	Path         string
	Mode         uint32 // type and permissions as in stat(2)
	Major, Minor uint32
	User, Group  uint32 // owner inside
	Usual        bool   // one that every container has: whatever is there stays
}

func (o Device) String() string {
	return fmt.Sprintf("make device %s (%07o) %d:%d of %d:%d", o.Path, o.Mode, o.Major, o.Minor, o.User, o.Group)
}

func (o Device) apply(r *Root) error {
	st, err := r.stat(o.Path)
	if err == nil {
		if o.Usual || st.Mode&unix.S_IFMT == o.Mode&unix.S_IFMT && st.Rdev == unix.Mkdev(o.Major, o.Minor) {
			return nil
		}
		return errors.New("something else is there")
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := r.ensure(path.Dir(o.Path), true); err != nil {
		return err
	}
	uid, okUser := r.in.IDs.User(o.User)
	gid, okGroup := r.in.IDs.Group(o.Group)
	if !okUser || !okGroup {
		return errors.New("the machine's user namespace has no such owner")
	}
	return r.at(o.Path, func(dir int, base string) error {
		if err := unix.Mknodat(dir, base, o.Mode&unix.S_IFMT, int(unix.Mkdev(o.Major, o.Minor))); err != nil {
			return err
		}
		if err := unix.Fchmodat(dir, base, o.Mode&0o7777, 0); err != nil {
			return err
		}
		return unix.Fchownat(dir, base, int(uid), int(gid), unix.AT_SYMLINK_NOFOLLOW)
	})
}

// UsualLink makes a symbolic link that every container has, unless something is there.
type UsualLink struct{ Path, To string }

func (o UsualLink) String() string { return words("link", o.Path, "to", o.To) }

func (o UsualLink) apply(r *Root) error {
	err := Symlink(o).apply(r)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// Place makes a directory, with those above it, for something that is mounted later, or to be a working directory.
type Place struct{ Path string }

func (o Place) String() string { return words("make sure of directory", o.Path) }

func (o Place) apply(r *Root) error { return r.ensure(o.Path, true) }
