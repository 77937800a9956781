// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Stack makes what is put together of layers the root, each of them ID-mapped (systemd.mstack(7)).
type Stack struct {
	sys.Stack
	ReadOnly  bool // nothing in it is to be changed
	NoDevices bool // as in [Tree]
	Look      bool // it is made for a look at it: what there is no place for yet is left out
	Unmapped  bool // the files belong to the machine's ids already
}

// Names in the directory of a stack that takes changes.
const (
	stackUpper = "data"
	stackWork  = "work"
)

func (o Stack) String() string {
	var parts []string
	for _, l := range o.Layers {
		parts = append(parts, "host "+l.Path)
	}
	text := strings.Join(parts, " < ")
	if o.Upper != nil {
		text = words(text, "< "+o.how()+"host "+o.Upper.Path)
	}
	switch {
	case o.Root != nil && text != "":
		text = words("bind host", o.Root.Path, "on /, overlay", text, "on /usr")
	case o.Root != nil:
		text = words("bind host", o.Root.Path, "on /")
	case text != "":
		text = words("overlay", text, "on /")
	default:
		text = "mount tmpfs on /"
	}
	for _, g := range o.Graftings {
		text += fmt.Sprintf(", bind host %s on %s", g.Path, g.Target)
		if g.ReadOnly {
			text += " read-only"
		}
	}
	if !o.Unmapped {
		text += ", ID-mapped"
	}
	return text
}

func (o Stack) how() string {
	if o.ReadOnly {
		return ""
	}
	return "writable "
}

func (o Stack) host() []string {
	paths := []string{anchor}
	for _, b := range o.Branches() {
		if b.Disk == nil {
			paths = append(paths, b.Path)
		}
	}
	return paths
}

func (o Stack) apply(r *Root) error {
	merged, err := o.merge(r)
	if err != nil {
		return err
	}
	switch {
	case o.Root != nil:
		err = o.begin(r, merged)
	case merged >= 0:
		err = r.begin(merged)
	default:
		err = Bare{}.apply(r)
	}
	if err != nil {
		return err
	}
	for _, g := range o.Graftings {
		if err := o.graft(r, g); err != nil && !(o.Look && errors.Is(err, unix.EROFS)) {
			return fmt.Errorf("bind %s on %s: %w", g.Path, g.Target, err)
		}
	}
	return nil
}

// begin makes a branch the root, and shows /usr of the layers in it, if there are any.
func (o Stack) begin(r *Root, merged int) error {
	usr := -1
	if merged >= 0 {
		var err error
		usr, err = r.below(merged, "usr")
		unix.Close(merged)
		if err != nil {
			return err
		}
	}
	tree, err := o.tree(r, *o.Root)
	if err == nil {
		err = r.begin(tree)
	}
	if usr < 0 {
		return err
	}
	if err != nil {
		unix.Close(usr)
		return err
	}
	return r.attach(usr, "/usr", true)
}

// below gives a copy of a directory of a detached tree, which is mounted for that: copies are made of what is mounted somewhere.
func (r *Root) below(tree int, name string) (int, error) {
	at, err := r.source(anchor)
	if err != nil {
		return -1, err
	}
	if err := sys.Attach(tree, at); err != nil {
		return -1, err
	}
	dir, err := sys.OpenBeneath(tree, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	return sys.CloneTree(dir, false)
}

func (o Stack) graft(r *Root, g sys.Grafting) error {
	tree, err := o.tree(r, g)
	if err != nil {
		return err
	}
	return r.attach(tree, g.Target, true)
}

// tree gives what is shown of a branch, detached.
func (o Stack) tree(r *Root, g sys.Grafting) (int, error) {
	tree, err := o.detached(r, g.Branch)
	if err != nil {
		return -1, err
	}
	if g.Below != "" {
		part, err := r.below(tree, g.Below)
		unix.Close(tree)
		if err != nil {
			return -1, err
		}
		tree = part
	}
	return o.limit(tree, g.ReadOnly || o.ReadOnly)
}

// limit gives a detached tree the attributes that it is to have.
func (o Stack) limit(tree int, readOnly bool) (int, error) {
	var attr unix.MountAttr
	if readOnly {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if o.NoDevices {
		attr.Attr_set |= unix.MOUNT_ATTR_NODEV
	}
	if attr.Attr_set == 0 {
		return tree, nil
	}
	if err := sys.SetMountAttr(tree, false, attr); err != nil {
		unix.Close(tree)
		return -1, err
	}
	return tree, nil
}

// detached gives a branch, ID-mapped.
func (o Stack) detached(r *Root, b sys.Branch) (int, error) {
	if b.Disk != nil {
		return r.mountPart(*b.Disk, o.Unmapped)
	}
	dir, err := r.source(b.Path)
	if err != nil {
		return -1, err
	}
	tree, err := sys.CloneTree(dir, false)
	if err != nil {
		return -1, err
	}
	if r.in.Users >= 0 && !o.Unmapped {
		if err := r.mapIDs(tree, MapAll, ""); err != nil {
			unix.Close(tree)
			return -1, fmt.Errorf("layer %s: %w", b.Path, err)
		}
	}
	return tree, nil
}

// attached is detached, mounted: overlayfs takes nothing that is mounted nowhere (before Linux 6.15).
func (o Stack) attached(r *Root, b sys.Branch) (int, error) {
	tree, err := o.detached(r, b)
	if err != nil {
		return -1, err
	}
	at, err := r.source(anchor)
	if err == nil {
		err = sys.Attach(tree, at)
	}
	if err != nil {
		unix.Close(tree)
		return -1, err
	}
	return tree, nil
}

// merge lays the layers over one another, detached; -1 if there are none.
func (o Stack) merge(r *Root) (int, error) {
	if len(o.Layers) == 0 && o.Upper == nil {
		return -1, nil
	}
	m := sys.Overlay{Upper: -1, Work: -1, UserAttributes: true}
	var open []int
	defer func() {
		for _, fd := range open {
			unix.Close(fd)
		}
	}()
	for _, l := range o.Layers {
		fd, err := o.attached(r, l)
		if err != nil {
			return -1, err
		}
		open, m.Lower = append(open, fd), append(m.Lower, fd)
	}
	if o.Upper != nil {
		rw, err := o.attached(r, *o.Upper)
		if err != nil {
			return -1, err
		}
		fds, err := o.addUpper(r, &m, rw)
		if open = append(append(open, rw), fds...); err != nil {
			return -1, err
		}
	}
	merged, err := r.merge(m)
	if err != nil {
		return -1, err
	}
	return o.limit(merged, false)
}

// addUpper adds what is in the directory for changes, or, if nothing is to be changed, makes it the topmost layer.
func (o Stack) addUpper(r *Root, m *sys.Overlay, rw int) (open []int, err error) {
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW
	if o.ReadOnly {
		data, err := sys.OpenBeneath(rw, stackUpper, flags)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil // nothing was ever changed
		}
		m.Lower = append(m.Lower, data)
		return []int{data}, err
	}
	for _, dir := range []struct {
		name string
		to   *int
	}{{stackUpper, &m.Upper}, {stackWork, &m.Work}} {
		err := r.asOwner(func() error { return unix.Mkdirat(rw, dir.name, 0o755) })
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return open, fmt.Errorf("make %s in %s: %w", dir.name, o.Upper.Path, err)
		}
		if *dir.to, err = sys.OpenBeneath(rw, dir.name, flags); err != nil {
			return open, err
		}
		open = append(open, *dir.to)
	}
	return open, nil
}
