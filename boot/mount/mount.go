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
	"path"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Op is one step in building a machine's mount tree. Its String is one line for a person.
type Op interface {
	fmt.Stringer
	apply(r *Root) error
}

// Root is the root of a machine under construction.
type Root struct {
	fd int
	in Inputs
}

// Inputs are what operations need that exists only while a machine is being started.
type Inputs struct {
	Owner   uint32                 // host uid and gid of the machine's root, to whom belongs what is created
	Proc    func(target int) error // mounts the machine's proc on a directory: only a process in its PID namespace can
	Console string                 // the console PTY's slave on the host
	Notify  int                    // an unbound AF_UNIX datagram socket
}

// NewRoot takes the descriptor fd of a mounted root; the caller closes it after use.
func NewRoot(fd int, in Inputs) *Root { return &Root{fd: fd, in: in} }

// Apply carries out ops in order and stops at the first that fails, naming it. What was mounted goes with the namespace.
func (r *Root) Apply(ops []Op) error {
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

// create is at as the owner of the machine.
func (r *Root) create(name string, f func(dir int, base string) error) error {
	return sys.AsFileOwner(r.in.Owner, func() error { return r.at(name, f) })
}

// ensure makes name (and the directories above it) unless it is there already.
func (r *Root) ensure(name string, isDir bool) error {
	if _, err := r.stat(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := r.ensure(path.Dir(name), true); err != nil {
		return err
	}
	err := r.create(name, func(dir int, base string) error {
		if isDir {
			return unix.Mkdirat(dir, base, 0o755)
		}
		return unix.Mknodat(dir, base, unix.S_IFREG|0o444, 0)
	})
	if err != nil {
		return fmt.Errorf("make %s in the tree: %w", name, err)
	}
	return nil
}

func (r *Root) stat(name string) (st unix.Stat_t, err error) {
	err = r.with(name, func(fd int) error { return unix.Fstat(fd, &st) })
	return st, err
}

// attach puts a detached tree on target and closes it.
func (r *Root) attach(tree int, target string) error {
	defer unix.Close(tree)
	return r.with(target, func(fd int) error { return sys.Attach(tree, fd) })
}
