// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Entry is a mount as a container asks for it, by the fields of mount(2): a new file system, or with Bind a part of one that is
// mounted already. The target is made if it is missing.
type Entry struct {
	Type, Source, Target string
	Flags                uintptr // MS_… of a new file system
	Data                 string  // its own options; uid= and gid= are ids inside

	Bind      bool
	Inside    bool // bind: the source is a path of the machine
	Recursive bool // bind: with what is mounted below the source
	Remount   bool // change what is mounted at the target instead
	Optional  bool // bind: a source or, with Inside, a target that is not there is no error

	Set, Clear       uint64 // MOUNT_ATTR_… of this mount
	SetAll, ClearAll uint64 // of this mount and those below it
	Propagation      []uintptr
	IDMap            *IDMap
}

// IDMap has a mount show other owners than its file system has.
type IDMap struct {
	Maps      *sys.IDMaps // nil: as in the machine's user namespace
	Recursive bool
}

func (o Entry) String() string {
	list := []string{"mount", o.Type, "on", o.Target, o.Data}
	if o.Remount {
		list = []string{"change", o.Target}
	} else if o.Bind {
		where := "host "
		if o.Inside {
			where = ""
		}
		list = []string{"bind", where + o.Source, "on", o.Target}
	}
	if (o.Set|o.SetAll)&unix.MOUNT_ATTR_RDONLY != 0 {
		list = append(list, "read-only")
	}
	if o.IDMap != nil {
		list = append(list, "ID-mapped")
	}
	return words(list...)
}

func (o Entry) apply(r *Root) error {
	if o.Remount {
		return r.with(o.Target, func(fd int) error { return o.change(r, fd) })
	}
	if o.Bind {
		err := o.bind(r)
		if o.Optional && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := r.ensure(o.Target, true); err != nil {
		return err
	}
	if err := r.with(o.Target, func(fd int) error { return o.make(r, fd) }); err != nil {
		return err
	}
	return r.with(o.Target, func(fd int) error { return o.change(r, fd) })
}

// make mounts a new file system. Read-only comes later, as an attribute of the mount: as a flag here it would be the file system's,
// which for those that the host shares (sysfs, cgroup2) is another's as well.
func (o Entry) make(r *Root, fd int) error {
	if o.Type == "proc" && o.Data == "" {
		return r.in.Proc(fd)
	}
	data, err := r.owned(o.Type, o.Data)
	if err != nil {
		return err
	}
	return sys.MountSource(o.Type, o.Source, fd, o.Flags, data)
}

// owned makes the ids in the options of a file system the host's, who mounts it, and the machine's root its owner.
func (r *Root) owned(fstype, data string) (string, error) {
	if fstype != "tmpfs" && fstype != "devpts" || r.in.IDs == nil {
		return data, nil
	}
	uid, gid := "uid=0", "gid=0"
	var rest []string
	for option := range strings.SplitSeq(data, ",") {
		switch {
		case strings.HasPrefix(option, "uid="):
			uid = option
		case strings.HasPrefix(option, "gid="):
			gid = option
		case option != "":
			rest = append(rest, option)
		}
	}
	for _, owner := range []struct {
		option string
		of     func(uint32) (uint32, bool)
	}{{uid, r.in.IDs.User}, {gid, r.in.IDs.Group}} {
		key, value, _ := strings.Cut(owner.option, "=")
		id, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return "", fmt.Errorf("option %q: %w", owner.option, unix.EINVAL)
		}
		outside, ok := owner.of(uint32(id))
		if !ok {
			return "", fmt.Errorf("option %q: the machine's user namespace has no such id", owner.option)
		}
		rest = append(rest, key+"="+strconv.FormatUint(uint64(outside), 10))
	}
	return strings.Join(rest, ","), nil
}

func (o Entry) bind(r *Root) error {
	source, err := o.open(r)
	if err != nil {
		return err
	}
	defer unix.Close(source)
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return err
	}
	if err := r.ensure(o.Target, st.Mode&unix.S_IFMT == unix.S_IFDIR); err != nil {
		return err
	}
	tree, err := sys.CloneTree(source, o.Recursive)
	if err != nil {
		return err
	}
	if err := o.change(r, tree); err != nil {
		unix.Close(tree)
		return err
	}
	return r.put(tree, o.Target)
}

func (o Entry) open(r *Root) (int, error) {
	if o.Inside {
		return r.Path(o.Source)
	}
	fd, err := unix.Open(o.Source, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: o.Source, Err: err}
	}
	return fd, nil
}

// put mounts a detached tree on target, which is there, and closes it.
func (r *Root) put(tree int, target string) error {
	defer unix.Close(tree)
	return r.with(target, func(fd int) error { return sys.Attach(tree, fd) })
}

// change sets what is a mount's own, not its file system's.
func (o Entry) change(r *Root, fd int) error {
	if o.IDMap != nil {
		if err := o.mapIDs(r, fd); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		recursive  bool
		set, clear uint64
	}{{true, o.SetAll, o.ClearAll}, {false, o.Set, o.Clear}} {
		if step.set|step.clear == 0 {
			continue
		}
		attr := unix.MountAttr{Attr_set: step.set, Attr_clr: step.clear}
		if (step.set|step.clear)&unix.MOUNT_ATTR__ATIME != 0 {
			attr.Attr_clr |= unix.MOUNT_ATTR__ATIME // the kernel wants all of it cleared before one is set
		}
		if err := sys.SetMountAttr(fd, step.recursive, attr); err != nil {
			return err
		}
	}
	for _, how := range o.Propagation {
		attr := unix.MountAttr{Propagation: uint64(how &^ unix.MS_REC)}
		if err := sys.SetMountAttr(fd, how&unix.MS_REC != 0, attr); err != nil {
			return err
		}
	}
	return nil
}

func (o Entry) mapIDs(r *Root, fd int) error {
	maps := o.IDMap.Maps
	if maps == nil {
		maps = r.in.IDs
	}
	if maps == nil {
		return errors.New("an ID-mapped mount without mappings needs a user namespace")
	}
	users, err := maps.MakeUsers()
	if err != nil {
		return err
	}
	defer unix.Close(users)
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(users)}
	return sys.SetMountAttr(fd, o.IDMap.Recursive, attr)
}

// RootAt takes the descriptor fd of a root that is mounted already; the caller closes it after use.
func RootAt(fd int, in Inputs) *Root {
	r := NewRoot(in)
	r.fd = fd
	return r
}
