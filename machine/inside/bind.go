// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// ErrNotBound says that nothing that could be taken away is mounted at a path.
var ErrNotBound = errors.New("nothing is bound there")

// Bind is a file or directory of the host that a machine shall see.
type Bind struct {
	Source   string // on the host
	Dest     string // in the machine
	ReadOnly bool
	Mkdir    bool // make Dest, with the directories it is in, if it is not there
}

// Bind mounts a file or directory of the host in the running machine. Where the
// machine has a user namespace and the files are not already its own, their
// owners are mapped: user 1000 of the host's files is user 1000 inside. File
// systems that cannot do that show them as nobody's.
//
// Linux 5.12 or newer. The destination is resolved below
// the machine's root and held by a descriptor, so what guest root does to names
// meanwhile decides at most where in his machine the files are seen.
func (g *Guest) Bind(b Bind) error {
	source, err := unix.Open(b.Source, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: b.Source, Err: err}
	}
	defer unix.Close(source)
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return fmt.Errorf("look at %q: %w", b.Source, err)
	}
	mount, err := sys.CloneTree(source, false)
	if err != nil {
		return fmt.Errorf("bind %q: %w", b.Source, err)
	}
	defer unix.Close(mount)
	// Private, or what guest root mounts in there would be mounted on the host
	// too, where the copy comes from.
	attr := unix.MountAttr{Propagation: unix.MS_PRIVATE}
	if b.ReadOnly {
		attr.Attr_set = unix.MOUNT_ATTR_RDONLY
	}
	if err := sys.SetMountAttr(mount, false, attr); err != nil {
		return fmt.Errorf("bind %q: %w", b.Source, err)
	}
	if err := g.mapOwners(mount, st.Uid); err != nil {
		return fmt.Errorf("bind %q: %w", b.Source, err)
	}
	if b.Mkdir {
		if err := g.makeNode(b.Dest, st.Mode&unix.S_IFMT == unix.S_IFDIR); err != nil {
			return fmt.Errorf("make %q: %w", b.Dest, err)
		}
	}
	dest, err := g.open(b.Dest, unix.O_PATH)
	if err != nil {
		return err
	}
	defer dest.Close()
	if err := g.attach(mount, int(dest.Fd()), b.ReadOnly, st.Mode&unix.S_IFMT == unix.S_IFDIR); err != nil {
		return fmt.Errorf("bind on %q: %w", b.Dest, err)
	}
	return nil
}

// attach mounts in the machine. What is read-only stays so, whatever its root
// does, if it has users of its own; a machine without is the host's equal.
func (g *Guest) attach(mount, dest int, readOnly, directory bool) error {
	if readOnly {
		own, err := g.OwnUsers()
		if err != nil {
			return err
		}
		if own {
			return sys.AttachLocked(mount, directory, g.pidfd, dest)
		}
	}
	return sys.InMounts(g.pidfd, func() error { return sys.Attach(mount, dest) })
}

// mapOwners maps the owners of files on a detached mount into the machine's
// users, unless they are the machine's already.
func (g *Guest) mapOwners(mount int, uid uint32) error {
	own, err := g.OwnUsers()
	if err != nil || !own {
		return err
	}
	ranges, err := g.idMap("uid_map")
	if err != nil {
		return err
	}
	for _, r := range ranges {
		if uid >= r.outside && uid-r.outside < r.count {
			return nil
		}
	}
	ns, err := os.Open(procPath(g.pid, "ns/user"))
	if err != nil {
		return fmt.Errorf("open users of process %d: %w", g.pid, err)
	}
	defer ns.Close()
	if err := g.alive(); err != nil {
		return fmt.Errorf("open users of process %d: %w", g.pid, err)
	}
	err = sys.SetMountAttr(mount, false, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns.Fd())})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
		return nil // not with this file system, or it is mapped already
	}
	return err
}

// makeNode makes an empty file or directory of the machine's root, and the
// directories it is in. What is there stays.
func (g *Guest) makeNode(path string, directory bool) error {
	uid, gid, err := g.rootIDs()
	if err != nil {
		return err
	}
	return sys.AsOwner(uint32(uid), uint32(gid), func() error {
		parts := strings.Split(strings.Trim(filepath.Clean("/"+path), "/"), "/")
		for i, name := range parts {
			if err := g.makeOne(filepath.Join(parts[:i]...), name, directory || i < len(parts)-1); err != nil {
				return err
			}
		}
		return nil
	})
}

func (g *Guest) makeOne(dir, name string, directory bool) error {
	if name == "" {
		return nil
	}
	if f, err := g.open(filepath.Join("/", dir, name), unix.O_PATH); err == nil {
		f.Close()
		return nil
	}
	in, err := g.open("/"+dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer in.Close()
	if directory {
		err = unix.Mkdirat(int(in.Fd()), name, 0o755)
	} else {
		var fd int
		fd, err = unix.Openat(int(in.Fd()), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
		if err == nil {
			unix.Close(fd)
		}
	}
	if err == unix.EEXIST {
		return nil
	}
	return err
}

// guarded are places whose mounts keep a machine from the host.
var guarded = []string{"/", "/proc", "/sys", "/dev", "/run/host"}

// Unbind takes away what is mounted on top of a path of the machine. Mounts
// that guard the host are not touched. ErrNotBound if there is none.
func (g *Guest) Unbind(dest string) error {
	dest = filepath.Clean("/" + dest)
	for _, dir := range guarded {
		if dest == dir || dir != "/" && strings.HasPrefix(dest, dir+"/") {
			return fmt.Errorf("unmount %q: it guards the host: %w", dest, unix.EPERM)
		}
	}
	// Without symbolic links: the path asked for is the one that was checked.
	dir, err := unix.Openat2(int(g.root.Fd()), filepath.Dir(dest), &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return fmt.Errorf("unmount %q: %w", dest, err)
	}
	defer unix.Close(dir)
	err = sys.InMounts(g.pidfd, func() error {
		if err := unix.Fchdir(dir); err != nil {
			return err
		}
		return unix.Unmount(filepath.Base(dest), unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	})
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("unmount %q: %w", dest, ErrNotBound)
	}
	if err != nil {
		return fmt.Errorf("unmount %q: %w", dest, err)
	}
	return nil
}
