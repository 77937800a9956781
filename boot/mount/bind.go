// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Bind shows a file or directory at another place as well. Source is a path of the host, or with Inside one of the machine.
type Bind struct {
	Source, Target string
	Inside         bool
	Attr           uint64 // MOUNT_ATTR_… set on the new mount, and with Recursive on all in it
	Writable       bool   // not read-only though the source is
	Optional       bool   // a missing source or, with Inside, a missing target is no error; otherwise the target is made
	Existing       bool   // the target is not made if it is missing
	Tolerant       bool   // it is no error if the tree has no place for it
	Recursive      bool   // with what is mounted below the source
	Map            Map
	Own            bool // the source is made if it is missing, and is the machine's root's

	IDs *sys.IDMaps // whose files it shows, instead of Map
}

func (o Bind) String() string {
	where := "host "
	if o.Inside {
		where = ""
	}
	how := ""
	if o.Attr&unix.MOUNT_ATTR_RDONLY != 0 {
		how = "read-only"
	}
	if o.Map != MapNone {
		how = words(how, "ids: "+string(o.Map))
	}
	if o.IDs != nil {
		how = words(how, "ids:")
		for _, m := range o.IDs.Users {
			how = words(how, fmt.Sprintf("%d+%d as %d", m.Inside, m.Count, m.Outside))
		}
	}
	return words("bind", where+o.Source, "on", o.Target, how)
}

func (o Bind) host() []string {
	if o.Inside {
		return nil
	}
	return []string{o.Source}
}

func (o Bind) prepare(r *Root) error {
	if !o.Own {
		return nil
	}
	err := os.MkdirAll(path.Dir(o.Source), 0o700)
	if err == nil {
		err = os.Mkdir(o.Source, 0o755)
	}
	if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err != nil || o.Map != MapNone {
		return err
	}
	return os.Chown(o.Source, int(r.in.Owner), int(r.in.Owner))
}

func (o Bind) apply(r *Root) error {
	err := o.bind(r)
	if o.Tolerant || o.Optional && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (o Bind) bind(r *Root) error {
	source, err := r.from(o.Source, o.Inside)
	if err != nil {
		return err
	}
	defer unix.Close(source)
	return o.graft(r, source)
}

// graft shows what is open as source.
func (o Bind) graft(r *Root, source int) error {
	target, err := o.target(r, source)
	if err != nil {
		return err
	}
	if target >= 0 {
		defer unix.Close(target)
	}
	tree, err := sys.CloneTree(source, o.Recursive)
	if err != nil {
		return err
	}
	if err := o.shape(r, tree); err != nil {
		unix.Close(tree)
		return err
	}
	if target < 0 {
		return r.stack(tree)
	}
	defer unix.Close(tree)
	return sys.Attach(tree, target)
}

// shape gives the new mount its attributes.
func (o Bind) shape(r *Root, tree int) error {
	attr := unix.MountAttr{Attr_set: o.Attr}
	if o.Writable {
		attr.Attr_clr = unix.MOUNT_ATTR_RDONLY
	}
	if attr != (unix.MountAttr{}) {
		if err := sys.SetMountAttr(tree, o.Recursive, attr); err != nil {
			return err
		}
	}
	if o.IDs == nil {
		return r.mapIDs(tree, o.Map, o.Target)
	}
	users, err := o.IDs.MakeUsers()
	if err != nil {
		return err
	}
	defer unix.Close(users)
	return mapWith(tree, users)
}

// target opens the target, making it if need be; -1 stands for the root. It comes before the clone: a detached mount that is not
// used after all costs the kernel a grace period.
func (o Bind) target(r *Root, source int) (int, error) {
	if o.Target == "/" {
		return -1, nil
	}
	if o.Existing || o.Inside && o.Optional {
		return r.Path(o.Target)
	}
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return -1, err
	}
	fd, err := r.place(o.Target, st.Mode&unix.S_IFMT == unix.S_IFDIR)
	if err != nil && errors.Is(err, fs.ErrNotExist) {
		return -1, fmt.Errorf("%v", err) // the source is there
	}
	return fd, err
}
