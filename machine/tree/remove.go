// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// flattenAt is the depth below which directories are moved up before they are
// removed: a tree may be deeper than there are descriptors.
const flattenAt = 256

// Remove removes what is at a place, a directory with all that is in it, btrfs
// subvolumes among them. Symbolic links are removed, not followed. Something
// mounted in the tree is left as it is and makes it fail with EBUSY.
func Remove(ctx context.Context, p Place) error {
	r := &remover{ctx: ctx, top: -1}
	if err := r.entry(p, 0); err != nil {
		return fmt.Errorf("remove %q: %w", p.Name, err)
	}
	return nil
}

type remover struct {
	ctx    context.Context
	top    int
	serial int
}

func (r *remover) entry(p Place, depth int) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	err := unix.Unlinkat(p.Dir, p.Name, 0)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	if err != unix.EISDIR && err != unix.EPERM {
		return err
	}
	n, openErr := p.open()
	if openErr != nil {
		return openErr
	}
	defer n.close()
	if n.kind() != unix.S_IFDIR {
		return err
	}
	if mounted(p) {
		return unix.EBUSY
	}
	return r.directory(p, &n, depth)
}

func (r *remover) directory(p Place, n *node, depth int) error {
	if depth > flattenAt {
		for {
			r.serial++
			err := unix.Renameat2(p.Dir, p.Name, r.top, ".#deep-"+strconv.Itoa(r.serial), unix.RENAME_NOREPLACE)
			if err != unix.EEXIST {
				return err
			}
		}
	}
	fd, err := n.directory()
	if err != nil {
		return err
	}
	list := os.NewFile(uintptr(fd), p.Name)
	defer list.Close()
	if n.stat.Ino == subvolumeInode && sys.MarkSubvolume(fd, false) == nil && sys.DestroySubvolume(p.Dir, p.Name) == nil {
		return nil
	}
	if depth == 0 {
		r.top = fd
	}
	if err := r.entries(list, depth); err != nil {
		return err
	}
	return unix.Unlinkat(p.Dir, p.Name, unix.AT_REMOVEDIR)
}

// subvolumeInode is the inode number of every btrfs subvolume's top.
const subvolumeInode = 256

// entries empties a directory. Some file systems leave out entries when others
// go meanwhile, so it is read until nothing is there.
func (r *remover) entries(list *os.File, depth int) error {
	for {
		names, err := list.Readdirnames(512)
		if err != nil && err != io.EOF {
			return err
		}
		if len(names) == 0 {
			return nil
		}
		for _, name := range names {
			if err := r.entry(Place{int(list.Fd()), name}, depth+1); err != nil {
				return fmt.Errorf("%q: %w", name, err)
			}
		}
		if _, err := list.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
}
