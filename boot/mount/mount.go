// SPDX-License-Identifier: Apache-2.0

// Package mount builds the mount tree of a machine from a list of small operations.
//
// The list is made purely ([Table]), can be printed, and is carried out in order on a locked OS thread that has a mount namespace
// of its own, still with the privileges of the host. The machine later gets a *copy* of that namespace which belongs to its user
// namespace; the kernel locks every mount of such a copy (mount_namespaces(7)), so no root inside can lift a mask or make a
// read-only mount writable. Targets are always resolved below the new root's descriptor, for the tree is not to be trusted.
package mount

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Op is one step in building a machine's mount tree. Its String is one line for a person.
type Op interface {
	fmt.Stringer
	apply(r *Root) error
}

// Root is the root of a machine under construction. The first operations make it, the others fill it.
type Root struct {
	fd      int // the topmost mount of the root; -1 until there is one
	in      Inputs
	sources map[string]source
}

// Inputs are what operations need that exists only while a machine is being started.
type Inputs struct {
	Owner   uint32                   // host uid and gid of the machine's root, to whom belongs what is created
	Users   int                      // the user namespace through which ids are mapped; -1 if the machine has none of its own
	Proc    func(target int) error   // mounts the machine's proc on a directory: only a process in its PID namespace can
	Console string                   // the console PTY's slave on the host
	Notify  int                      // an unbound AF_UNIX datagram socket
	Journal int                      // an unbound AF_UNIX stream socket, if the machine sends its journal
	IDs     *sys.IDMaps              // the ids of a container; nil if it has no user namespace
	Devices map[sys.Part]*sys.Device // the file systems of disk images
}

// NewRoot begins with nothing.
func NewRoot(in Inputs) *Root { return &Root{fd: -1, in: in, sources: map[string]source{}} }

// FD is the finished root's descriptor, which stays the Root's.
func (r *Root) FD() int { return r.fd }

// Close closes what the root has open; the mounts live on.
func (r *Root) Close() {
	if r.fd >= 0 {
		unix.Close(r.fd)
	}
	for _, s := range r.sources {
		if s.err == nil {
			unix.Close(s.fd)
		}
	}
}

// Apply carries out ops in order and stops at the first that fails, naming it. What was mounted goes with the namespace. All that
// ops show of the host is opened first, before anything is mounted over it.
func (r *Root) Apply(ops []Op) error {
	if err := r.open(ops); err != nil {
		return err
	}
	for _, op := range ops {
		if err := op.apply(r); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
	}
	return nil
}

// Path resolves name inside the root and returns an O_PATH descriptor.
func (r *Root) Path(name string) (int, error) {
	return sys.OpenIn(r.fd, name, unix.O_PATH)
}

// with resolves name, calls f with its descriptor, and closes it.
func (r *Root) with(name string, f func(fd int) error) error {
	fd, err := r.Path(name)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return f(fd)
}

// at calls f with the descriptor of name's directory and name's last part.
func (r *Root) at(name string, f func(dir int, base string) error) error {
	return r.with(path.Dir(name), func(dir int) error { return f(dir, path.Base(name)) })
}

// asOwner does something as the owner of the machine.
func (r *Root) asOwner(f func() error) error {
	err := sys.AsFileOwner(r.in.Owner, f)
	if errors.Is(err, unix.EACCES) { // a directory that is not the machine's root's
		err = sys.AsCapableFileOwner(r.in.Owner, f)
	}
	return err
}

// create is at as the owner of the machine.
func (r *Root) create(name string, f func(dir int, base string) error) error {
	return r.asOwner(func() error { return r.at(name, f) })
}

// maxLinks bounds how many symbolic links are followed to something missing, as the kernel does to something that is there.
const maxLinks = 40

// ensure makes name (and the directories above it) unless it is there already. A symbolic link to something missing is followed.
func (r *Root) ensure(name string, isDir bool) error { return r.ensureBehind(name, isDir, maxLinks) }

func (r *Root) ensureBehind(name string, isDir bool, links int) error {
	if _, err := r.stat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := r.ensureBehind(path.Dir(name), true, links); err != nil {
		return err
	}
	err := r.create(name, func(dir int, base string) error {
		if isDir {
			return unix.Mkdirat(dir, base, 0o755)
		}
		return unix.Mknodat(dir, base, unix.S_IFREG|0o444, 0)
	})
	if err == unix.EEXIST && links > 0 {
		next, linkErr := r.behind(name)
		if linkErr != nil {
			return fmt.Errorf("make %s in the tree: %w", name, linkErr)
		}
		return r.ensureBehind(next, isDir, links-1)
	}
	if err != nil {
		return fmt.Errorf("make %s in the tree: %w", name, err)
	}
	return nil
}

// behind gives where the symbolic link name leads, as a path in the root.
func (r *Root) behind(name string) (string, error) {
	target, err := r.readlink(name)
	if err != nil || path.IsAbs(target) {
		return target, err
	}
	var dir string
	err = r.with(path.Dir(name), func(fd int) error {
		dir, err = r.where(fd)
		return err
	})
	return path.Join(dir, target), err
}

// where is the path in the root of what is open.
func (r *Root) where(fd int) (string, error) {
	root, err := os.Readlink(sys.FDPath(r.fd))
	if err != nil {
		return "", err
	}
	full, err := os.Readlink(sys.FDPath(fd))
	if err != nil {
		return "", err
	}
	below, ok := strings.CutPrefix(full+"/", strings.TrimSuffix(root, "/")+"/")
	if !ok {
		return "", &os.PathError{Op: "find", Path: full, Err: unix.EXDEV}
	}
	return path.Clean("/" + below), nil
}

func (r *Root) stat(name string) (st unix.Stat_t, err error) {
	err = r.with(name, func(fd int) error { return unix.Fstat(fd, &st) })
	return st, err
}

// place opens the place on which a directory, or a file of another kind, is to be mounted, and makes it if it is missing.
func (r *Root) place(name string, isDir bool) (int, error) {
	if err := r.ensure(name, isDir); err != nil {
		return -1, err
	}
	fd, err := r.Path(name)
	if err != nil {
		return -1, err
	}
	if err := r.fits(fd, name, isDir); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// fits checks that something can be mounted on fd. What lies on the root itself would be seen by nobody.
func (r *Root) fits(fd int, name string, isDir bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	switch there := st.Mode&unix.S_IFMT == unix.S_IFDIR; {
	case isDir && !there:
		return fmt.Errorf("%s is a file in the tree, and a directory cannot be mounted on it", name)
	case !isDir && there:
		return fmt.Errorf("%s is a directory in the tree, and a file cannot be mounted on it", name)
	}
	if same, err := sys.SamePlace(fd, r.fd); err != nil || !same {
		return err
	}
	return fmt.Errorf("%s leads to the root of the tree itself", name)
}

// attach puts a detached tree on target, which is made if it is missing, and closes it. On "/" it becomes the root.
func (r *Root) attach(tree int, target string, isDir bool) error {
	if target == "/" {
		return r.stack(tree)
	}
	defer unix.Close(tree)
	fd, err := r.place(target, isDir)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return sys.Attach(tree, fd)
}

// stack makes a detached tree the root, on top of what was it.
func (r *Root) stack(tree int) error {
	var st unix.Stat_t
	err := unix.Fstat(tree, &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		err = unix.ENOTDIR
	}
	if err == nil {
		err = sys.Attach(tree, r.fd)
	}
	if err != nil {
		unix.Close(tree)
		return err
	}
	unix.Close(r.fd)
	r.fd = tree
	return nil
}
