// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// ReadOnly are the attributes of everything a machine may see but not change.
const ReadOnly = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC

// FS mounts a new file system; the target is made if it is missing.
type FS struct {
	Type, Target string
	Flags        uintptr // MS_…
	Options      string
}

func (o FS) String() string { return words("mount", o.Type, "on", o.Target, o.Options) }

func (o FS) apply(r *Root) error {
	fd, err := r.place(o.Target, true)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return sys.Mount(o.Type, fd, o.Flags, o.Options)
}

// Proc mounts the process file system of the machine's PID namespace.
type Proc struct{ Target string }

func (o Proc) String() string { return words("mount proc on", o.Target) }

func (o Proc) apply(r *Root) error {
	if err := r.ensure(o.Target, true); err != nil {
		return err
	}
	return r.with(o.Target, r.in.Proc)
}

// Sysfs shows the given directories of the machine's sysfs read-only at their places below /sys, which holds nothing else.
type Sysfs struct{ Dirs []string }

func (o Sysfs) String() string {
	return words("bind from a new sysfs, read-only: /sys/{" + strings.Join(o.Dirs, ",") + "}")
}

// apply mounts the whole of it over the host's, in a mount namespace where nobody needs that: it goes away with the old root,
// while an unmount of its own would cost the kernel a grace period.
func (o Sysfs) apply(r *Root) error {
	const full = "/sys"
	fd, err := unix.Open(full, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: full, Err: err}
	}
	defer unix.Close(fd)
	if err := sys.Mount("sysfs", fd, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	for _, d := range o.Dirs {
		if err := r.show(full+"/"+d, "/sys/"+d, ReadOnly); err != nil {
			return err
		}
	}
	return nil
}

// show binds a file or directory of the host that is opened only now.
func (r *Root) show(path, target string, attr uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	return Bind{Target: target, Attr: attr}.graft(r, fd)
}

// Seal sets attributes on the mount at Target, usually to make it read-only once it is filled.
type Seal struct {
	Target string
	Attr   uint64
}

func (o Seal) String() string { return words("make", o.Target, "read-only") }

func (o Seal) apply(r *Root) error {
	return r.with(o.Target, func(fd int) error { return sys.SetMountAttr(fd, false, unix.MountAttr{Attr_set: o.Attr}) })
}

func words(list ...string) string {
	return strings.TrimSpace(strings.Join(list, " "))
}

// Dir makes a directory with the given mode, or leaves the one that is there.
type Dir struct {
	Path      string
	Mode      uint32
	HostOwned bool // belongs to the host's root, who is nobody inside
}

func (o Dir) String() string { return fmt.Sprintf("make directory %s (%04o)", o.Path, o.Mode) }

func (o Dir) apply(r *Root) error {
	create := r.create
	if o.HostOwned {
		create = r.at
	}
	return create(o.Path, func(dir int, base string) error {
		err := unix.Mkdirat(dir, base, o.Mode)
		if err == unix.EEXIST {
			return nil
		}
		return err
	})
}

// Symlink makes a symbolic link at Path that says To.
type Symlink struct{ Path, To string }

func (o Symlink) String() string { return words("link", o.Path, "to", o.To) }

func (o Symlink) apply(r *Root) error {
	return r.create(o.Path, func(dir int, base string) error { return unix.Symlinkat(o.To, dir, base) })
}

// Node makes a device, fifo, socket or empty regular file. HostOwned ones belong to the host's root, who is nobody inside.
type Node struct {
	Path         string
	Mode         uint32 // type and permissions as in stat(2)
	Major, Minor uint32
	User, Group  uint32 // owner inside
	HostOwned    bool
	Optional     bool   // the kernel may refuse device nodes
	Host         string // the host's node, which is shown where none can be made: a host may itself be in a user namespace
}

func (o Node) String() string {
	text := fmt.Sprintf("make node %s (%07o) %d:%d", o.Path, o.Mode, o.Major, o.Minor)
	if o.User != 0 || o.Group != 0 {
		text += fmt.Sprintf(" of %d:%d", o.User, o.Group)
	}
	return text
}

func (o Node) apply(r *Root) error {
	err := r.at(o.Path, func(dir int, base string) error {
		if err := unix.Mknodat(dir, base, o.Mode&unix.S_IFMT, int(unix.Mkdev(o.Major, o.Minor))); err != nil {
			return err
		}
		if err := unix.Fchmodat(dir, base, o.Mode&0o7777, 0); err != nil || o.HostOwned {
			return err
		}
		return unix.Fchownat(dir, base, int(r.in.Owner+o.User), int(r.in.Owner+o.Group), unix.AT_SYMLINK_NOFOLLOW)
	})
	if o.Host != "" && errors.Is(err, unix.EPERM) {
		err = r.show(o.Host, o.Path, 0)
	}
	if o.Optional && err != nil {
		return nil
	}
	return err
}

// File writes a small file that belongs to the host's root.
type File struct {
	Path    string
	Content string
	Mode    uint32
	Own     bool // it is the machine's root's instead
}

func (o File) String() string { return fmt.Sprintf("write %s (%d bytes)", o.Path, len(o.Content)) }

func (o File) apply(r *Root) error {
	return r.at(o.Path, func(dir int, base string) error {
		fd, err := unix.Openat(dir, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, o.Mode)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), o.Path)
		_, err = f.WriteString(o.Content)
		if o.Own && err == nil {
			err = f.Chown(int(r.in.Owner), int(r.in.Owner))
		}
		return errors.Join(err, f.Close())
	})
}

// Remove takes away a file that was needed only as the source of a bind.
type Remove struct{ Path string }

func (o Remove) String() string { return words("remove", o.Path) }

func (o Remove) apply(r *Root) error {
	return r.at(o.Path, func(dir int, base string) error { return unix.Unlinkat(dir, base, 0) })
}

// Console shows the console's PTY slave as /dev/console.
type Console struct{}

func (Console) String() string { return "bind the console on /dev/console" }

func (Console) apply(r *Root) error {
	return r.show(r.in.Console, "/dev/console", 0)
}

// Notify binds the socket on which the machine's init says that it is ready.
type Notify struct{ Path string }

func (o Notify) String() string { return words("make socket", o.Path) }

func (o Notify) apply(r *Root) error { return r.socket(o.Path, r.in.Notify, 0o755) }

// Listen makes a socket on which the host listens to the machine's root.
type Listen struct{ Path string }

func (o Listen) String() string { return words("listen on", o.Path) }

func (o Listen) apply(r *Root) error {
	if err := r.socket(o.Path, r.in.Journal, 0o600); err != nil {
		return err
	}
	return unix.Listen(r.in.Journal, unix.SOMAXCONN)
}

// socket gives a socket its place, where it is the machine's root's.
func (r *Root) socket(name string, fd int, mode uint32) error {
	return r.at(name, func(dir int, base string) error {
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: sys.FDPath(dir) + "/" + base}); err != nil {
			return fmt.Errorf("bind socket: %w", err)
		}
		if err := unix.Fchmodat(dir, base, mode, 0); err != nil {
			return err
		}
		return unix.Fchownat(dir, base, int(r.in.Owner), int(r.in.Owner), unix.AT_SYMLINK_NOFOLLOW)
	})
}
