// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// ErrUnmappable says that the ids of the machine's own tree cannot be mapped.
var ErrUnmappable = errors.New("its ids cannot be mapped")

// Tree makes a directory of the host the root, with what is mounted in it. It is mounted over itself.
type Tree struct {
	Path     string
	ReadOnly bool // what is mounted in it; the root itself is sealed last, when all places in it are made
	Map      Map  // MapNone if its files belong to the machine's ids already

	NoDevices bool // device nodes in it cannot be opened, as on a host where no cgroup keeps them from that
}

func (o Tree) String() string {
	how := map[Map]string{MapNone: "on /", MapAll: "on /, ID-mapped", MapForeign: "on /, ID-mapped from foreign ids"}[o.Map]
	if o.NoDevices {
		how += ", without devices"
	}
	return words("bind host", o.Path, how)
}

func (o Tree) host() []string { return []string{o.Path} }

func (o Tree) apply(r *Root) error {
	dir, err := r.source(o.Path)
	if err != nil {
		return err
	}
	tree, err := sys.CloneTree(dir, true)
	if err != nil {
		return err
	}
	if err := o.shape(r, tree); err != nil {
		unix.Close(tree)
		return err
	}
	if err := sys.Attach(tree, dir); err != nil {
		unix.Close(tree)
		return err
	}
	r.fd = tree
	return nil
}

func (o Tree) shape(r *Root, tree int) error {
	err := r.mapIDs(tree, o.Map, "/")
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) { // the latter for what is mapped already
		return fmt.Errorf("%w: %w", ErrUnmappable, err)
	}
	if err != nil {
		return err
	}
	if o.NoDevices {
		if err := sys.SetMountAttr(tree, true, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NODEV}); err != nil {
			return err
		}
	}
	if !o.ReadOnly {
		return nil
	}
	if err := sys.SetMountAttr(tree, true, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return err
	}
	return sys.SetMountAttr(tree, false, unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY})
}

// Pivot makes a directory of the root the root, and shows the former one at Old, unless that is empty.
type Pivot struct{ New, Old string }

func (o Pivot) String() string {
	if o.Old == "" {
		return words("make", o.New, "the root")
	}
	return words("make", o.New, "the root, the former one", o.Old)
}

func (o Pivot) apply(r *Root) error {
	dir, err := r.Path(o.New)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	former := -1
	if o.Old != "" {
		if former, err = sys.CloneTree(r.fd, true); err != nil {
			return err
		}
	}
	tree, err := sys.CloneTree(dir, true)
	if err == nil {
		err = r.stack(tree)
	}
	if former < 0 {
		return err
	}
	if err != nil {
		unix.Close(former)
		return err
	}
	return r.attach(former, o.Old, true)
}

// memory are the options of a tmpfs that is a root or takes the changes of one (TMPFS_LIMITS_ROOTFS of systemd's mount-util.h).
const memory = "mode=0755,size=25%,nr_inodes=1m"

// Memory puts an empty file system in memory on the root. With Usr, that of the former root is shown in it, read-only.
type Memory struct {
	Options string
	Usr     bool
}

func (o Memory) String() string {
	if o.Usr {
		return "mount tmpfs on / with the tree's /usr, read-only"
	}
	return "mount tmpfs on /"
}

func (o Memory) apply(r *Root) error {
	usr := -1
	if o.Usr {
		var err error
		if usr, err = r.usr(); err != nil {
			return err
		}
	}
	links := r.links()
	tree, err := sys.NewMount("tmpfs", Tmpfs("/", o.Options, r.in.Owner).Options)
	if err == nil {
		err = r.stack(tree)
	}
	if usr >= 0 {
		if err != nil {
			unix.Close(usr)
			return err
		}
		err = r.attach(usr, "/usr", true)
	}
	if err != nil {
		return err
	}
	return r.skeleton(links)
}

// usr takes the tree's /usr, read-only. What else a system needs must be in there.
func (r *Root) usr() (int, error) {
	if target, err := r.readlink("/bin"); err == nil && target == "" {
		return -1, errors.New("/bin of the tree is a directory of its own, but only /usr is kept: the tree must have /bin, /sbin and /lib in /usr")
	}
	dir, err := r.Path("/usr")
	if err != nil {
		return -1, err
	}
	defer unix.Close(dir)
	tree, err := sys.CloneTree(dir, true)
	if err != nil {
		return -1, err
	}
	if err := sys.SetMountAttr(tree, true, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		unix.Close(tree)
		return -1, err
	}
	return tree, nil
}

// readlink gives where a symbolic link leads, or nothing if name is there but no link.
func (r *Root) readlink(name string) (target string, err error) {
	err = r.at(name, func(dir int, base string) error {
		buf := make([]byte, unix.PathMax)
		n, err := unix.Readlinkat(dir, base, buf)
		if err == unix.EINVAL {
			return nil
		}
		if err == nil {
			target = string(buf[:n])
		}
		return err
	})
	return target, err
}

// links are the root's links into /usr.
func (r *Root) links() map[string]string {
	links := map[string]string{"/bin": "usr/bin", "/sbin": "usr/sbin", "/lib": "usr/lib"}
	for _, name := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		target, err := r.readlink(name)
		if err == nil && strings.HasPrefix(path.Clean("/"+target), "/usr/") {
			links[name] = target
		}
	}
	return links
}

// skeleton makes what every root has (base_filesystem_create of systemd's src/shared/base-filesystem.c).
func (r *Root) skeleton(links map[string]string) error {
	for name, target := range links {
		if err := (Symlink{name, target}).apply(r); err != nil {
			return fmt.Errorf("link %s: %w", name, err)
		}
	}
	for _, d := range []Dir{{Path: "/root", Mode: 0o750}, {Path: "/usr", Mode: 0o755}, {Path: "/var", Mode: 0o755}, {Path: "/etc", Mode: 0o755}} {
		if err := d.apply(r); err != nil {
			return err
		}
	}
	return nil
}

// UpperDir is the directory that takes the changes, in that of [Forget].
const UpperDir = "upper"

// Forget lays an overlay over the root, which takes all changes: to a directory of the host that goes with the machine, or, if Dir is
// empty, to memory.
type Forget struct{ Dir string }

func (o Forget) String() string {
	if o.Dir == "" {
		return "overlay / with a tmpfs that takes all changes"
	}
	return words("overlay / with host", o.Dir, "that takes all changes")
}

func (o Forget) host() []string {
	if o.Dir == "" {
		return nil
	}
	return []string{o.Dir}
}

func (o Forget) prepare(*Root) error {
	if o.Dir == "" {
		return nil
	}
	return makeUpper(o.Dir)
}

// makeUpper makes what an overlay needs to take changes.
func makeUpper(dir string) error {
	for _, name := range []string{UpperDir, "work"} {
		if err := os.MkdirAll(path.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	return nil
}

func (o Forget) apply(r *Root) error {
	lower, err := unix.FcntlInt(uintptr(r.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(lower)
	dir, err := o.open(r)
	if err != nil {
		return err
	}
	merged, err := r.overlay(lower, dir)
	if err != nil {
		return err
	}
	return r.stack(merged)
}

// overlay lays an overlay, detached, over a directory, of which the changes go to another.
func (r *Root) overlay(lower, dir int) (merged int, err error) {
	m := sys.Overlay{Lower: []int{lower}}
	if m.Upper, err = sys.OpenIn(dir, UpperDir, unix.O_PATH|unix.O_DIRECTORY); err != nil {
		return -1, err
	}
	defer unix.Close(m.Upper)
	if m.Work, err = sys.OpenIn(dir, "work", unix.O_PATH|unix.O_DIRECTORY); err != nil {
		return -1, err
	}
	defer unix.Close(m.Work)
	if err := likeRoot(m.Upper, lower); err != nil {
		return -1, err
	}
	return r.merge(m)
}

// open gives the directory for the changes. Memory is mounted on the root, to be covered by the overlay.
func (o Forget) open(r *Root) (int, error) {
	if o.Dir != "" {
		return r.source(o.Dir)
	}
	tree, err := sys.NewMount("tmpfs", Tmpfs("/", memory, r.in.Owner).Options)
	if err == nil {
		err = r.stack(tree)
	}
	if err != nil {
		return -1, err
	}
	for _, name := range []string{UpperDir, "work"} {
		if err := (Dir{Path: "/" + name, Mode: 0o700}).apply(r); err != nil {
			return -1, err
		}
	}
	return r.fd, nil
}

// likeRoot gives the upper directory of an overlay the owner and permissions of the root it is to replace, unless it is in use since
// an earlier boot.
func likeRoot(upper, root int) error {
	var st, now unix.Stat_t
	if err := unix.Fstat(root, &st); err != nil {
		return err
	}
	if err := unix.Fstat(upper, &now); err != nil || now.Mode&0o7777 != 0o700 {
		return err
	}
	if err := unix.Fchownat(upper, "", int(st.Uid), int(st.Gid), unix.AT_EMPTY_PATH); err != nil {
		return err
	}
	return unix.Chmod(sys.FDPath(upper), st.Mode&0o7777)
}
