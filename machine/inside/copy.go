// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
	"machined-go/machine/tree"
)

// CopyOptions say how files are copied into and out of a machine.
type CopyOptions struct {
	Replace bool                // replace files that are there; otherwise EEXIST
	Told    func(tree.Progress) // may be nil
}

// CopyIn copies source, a file or directory of the host, to the path dest of
// the machine. With a user namespace, what is made belongs to the machine's
// root; without, owners stay. Symbolic links are copied as such.
func (g *Guest) CopyIn(ctx context.Context, source, dest string, o CopyOptions) error {
	from, err := hostPlace(source)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := g.place(dest)
	if err != nil {
		return err
	}
	defer to.Close()
	uid, gid, err := g.rootIDs()
	if err != nil {
		return fmt.Errorf("copy to %q: %w", dest, err)
	}
	opts := tree.Options{Replace: o.Replace, Told: o.Told}
	if own, err := g.OwnUsers(); err != nil {
		return err
	} else if own {
		opts.Owner = &tree.Owner{UID: uid, GID: gid}
	}
	return sys.AsOwner(uint32(uid), uint32(gid), func() error {
		return tree.Copy(ctx, from.Place, to.Place, opts)
	})
}

// CopyOut copies source, a path of the machine, to dest on the host. Out of a
// user namespace, what is made belongs to root, and so that a machine cannot
// make root's programs or devices, set-user-ID bits and device nodes are left.
func (g *Guest) CopyOut(ctx context.Context, source, dest string, o CopyOptions) error {
	from, err := g.place(source)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := hostPlace(dest)
	if err != nil {
		return err
	}
	defer to.Close()
	own, err := g.OwnUsers()
	if err != nil {
		return err
	}
	opts := tree.Options{Replace: o.Replace, Told: o.Told, Distrust: own}
	if own {
		opts.Owner = &tree.Owner{}
	}
	return tree.Copy(ctx, from.Place, to.Place, opts)
}

// held is a place whose directory is open.
type held struct {
	tree.Place
	dir *os.File
}

func (h *held) Close() { h.dir.Close() }

func hold(dir *os.File, path string) *held {
	name := filepath.Base(path)
	if name == "/" {
		name = "."
	}
	return &held{tree.Place{Dir: int(dir.Fd()), Name: name}, dir}
}

func hostPlace(path string) (*held, error) {
	path = filepath.Clean(path)
	fd, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: filepath.Dir(path), Err: err}
	}
	return hold(os.NewFile(uintptr(fd), path), path), nil
}

// place opens the directory of a path of the machine's.
func (g *Guest) place(path string) (*held, error) {
	path = filepath.Clean("/" + path)
	dir, err := g.open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return hold(dir, path), nil
}
