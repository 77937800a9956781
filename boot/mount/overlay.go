// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Layer is a directory of the host or, with Inside, of the machine as far as its root is built.
type Layer struct {
	Path   string
	Inside bool
}

func (l Layer) String() string {
	if l.Inside {
		return l.Path
	}
	return "host " + l.Path
}

// Overlay lays directories over one another. Each layer is ID-mapped before the merge, for a merged one cannot be; where its file
// system cannot either, its ids are the host's.
type Overlay struct {
	Target string
	Lower  []Layer // the lowest first
	Upper  *Layer  // takes the changes; nil if there are to be none. It and a directory beside it are made if they are missing
	Own    bool    // Upper is thrown away with the machine, and nobody else's
}

func (o Overlay) String() string {
	var layers []string
	for _, l := range o.Lower {
		layers = append(layers, l.String())
	}
	text := words("overlay", strings.Join(layers, " < "))
	if o.Upper != nil {
		return words(text, "< writable", o.Upper.String(), "on", o.Target)
	}
	return words(text, "on", o.Target, "read-only")
}

// workDir is the directory beside an upper one that the kernel needs for its work.
func workDir(upper string) string { return path.Join(path.Dir(upper), ".#"+path.Base(upper)+".work") }

func (o Overlay) host() []string {
	var list []string
	for _, l := range o.Lower {
		if !l.Inside {
			list = append(list, l.Path)
		}
	}
	if o.Upper != nil && !o.Upper.Inside {
		list = append(list, path.Dir(o.Upper.Path))
	}
	return list
}

func (o Overlay) prepare(r *Root) error {
	if o.Upper == nil || o.Upper.Inside {
		return nil
	}
	if err := os.MkdirAll(o.Upper.Path, 0o755); err != nil {
		return err
	}
	if o.Own {
		if err := os.Chown(o.Upper.Path, int(r.in.Owner), int(r.in.Owner)); err != nil {
			return err
		}
	}
	if err := os.Mkdir(workDir(o.Upper.Path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (o Overlay) apply(r *Root) error {
	var open []int
	defer func() {
		for _, fd := range open {
			unix.Close(fd)
		}
	}()
	m := sys.Overlay{Upper: -1, Work: -1}
	for _, l := range o.Lower {
		fd, err := r.layer(l)
		if err != nil {
			return err
		}
		open = append(open, fd)
		m.Lower = append(m.Lower, fd)
	}
	if o.Upper != nil {
		upper, work, err := o.upper(r)
		if err != nil {
			return err
		}
		open = append(open, upper, work)
		m.Upper, m.Work = upper, work
	}
	tree, err := r.merge(m)
	if err != nil {
		return err
	}
	return r.attach(tree, o.Target, true)
}

// merge makes the mount. The kernel does not call a single layer an overlay.
func (r *Root) merge(m sys.Overlay) (tree int, err error) {
	if len(m.Lower) > 1 || m.Upper >= 0 {
		// The kernel itself makes files in the upper layer, where the host's root has no id.
		err = sys.AsCapableFileOwner(r.in.Owner, func() error {
			tree, err = m.Mount()
			return err
		})
		return tree, err
	}
	if tree, err = sys.CloneTree(m.Lower[0], false); err != nil {
		return -1, err
	}
	if err := sys.SetMountAttr(tree, false, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		unix.Close(tree)
		return -1, err
	}
	return tree, nil
}

// layer opens a lower layer, and maps its ids if it is the host's: what is in the machine is mapped already.
func (r *Root) layer(l Layer) (int, error) {
	fd, err := r.from(l.Path, l.Inside)
	if err != nil {
		return -1, err
	}
	if l.Inside {
		return fd, nil
	}
	defer unix.Close(fd)
	return r.mapped(fd, l.Path)
}

// mapped gives an ID-mapped view of a directory of the host. It is mounted over that, since overlayfs takes nothing that is mounted
// nowhere (before Linux 6.15).
func (r *Root) mapped(fd int, name string) (int, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return -1, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return -1, &os.PathError{Op: "open", Path: name, Err: unix.ENOTDIR}
	}
	tree, err := sys.CloneTree(fd, false)
	if err != nil {
		return -1, err
	}
	if r.in.Users >= 0 {
		if err := r.mapIDs(tree, MapAll, ""); err != nil && !errors.Is(err, unix.EINVAL) {
			unix.Close(tree)
			return -1, fmt.Errorf("layer %s: %w", name, err)
		}
	}
	if err := sys.Attach(tree, fd); err != nil {
		unix.Close(tree)
		return -1, err
	}
	return tree, nil
}

// upper opens the upper directory and its working directory, which must be on one mount.
func (o Overlay) upper(r *Root) (upper, work int, err error) {
	name := o.Upper.Path
	dir, below := r.fd, ""
	if o.Upper.Inside {
		if err := r.ensure(name, true); err != nil {
			return -1, -1, err
		}
		if err := (Dir{Path: workDir(name), Mode: 0o700}).apply(r); err != nil {
			return -1, -1, err
		}
	} else {
		if dir, err = r.from(path.Dir(name), false); err != nil {
			return -1, -1, err
		}
		defer unix.Close(dir)
		if !o.Own {
			view, err := r.mapped(dir, path.Dir(name))
			if err != nil {
				return -1, -1, err
			}
			defer unix.Close(view)
			dir = view
		}
		below = path.Dir(name)
	}
	inDir := func(name string) (int, error) {
		return sys.OpenIn(dir, strings.TrimPrefix(name, below), unix.O_PATH|unix.O_DIRECTORY)
	}
	if upper, err = inDir(name); err != nil {
		return -1, -1, err
	}
	if work, err = inDir(workDir(name)); err == nil {
		err = o.together(upper, work)
	}
	if err != nil {
		unix.Close(upper)
		return -1, -1, err
	}
	return upper, work, nil
}

func (o Overlay) together(upper, work int) error {
	a, err := sys.MountID(upper)
	if err != nil {
		return err
	}
	b, err := sys.MountID(work)
	if err != nil || a == b {
		return err
	}
	return errors.New("upper directory " + strconv.Quote(o.Upper.Path) + " is a mount point itself: use a directory below it")
}
