// SPDX-License-Identifier: Apache-2.0

// Package tree copies and removes trees of files of which somebody else may be
// the master, and who may change them meanwhile.
//
// Nothing is ever found by a path: each file is opened by its name alone in a
// directory that is open, no symbolic link is followed, and what was opened is
// looked at before it is read. So a tree can only be changed for another one of
// the same owner, never led out of.
package tree

import (
	"golang.org/x/sys/unix"
)

// maxDepth bounds how deep directories may lie in one another: each level costs
// descriptors. It is systemd's bound (src/shared/copy.c).
const maxDepth = 2048

// Place is a name in an open directory. "." is the directory itself.
type Place struct {
	Dir  int
	Name string
}

// Owner is who files belong to.
type Owner struct{ UID, GID int }

// Progress is how far a copy is.
type Progress struct {
	Files uint64 // of any kind
	Bytes uint64 // of regular files, holes too
}

// node is one file, opened without reading it (O_PATH).
type node struct {
	fd   int
	stat unix.Stat_t
}

// open finds what is at a place, without following a symbolic link.
func (p Place) open() (node, error) {
	n := node{}
	var err error
	n.fd, err = unix.Openat(p.Dir, p.Name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return n, err
	}
	if err := unix.Fstat(n.fd, &n.stat); err != nil {
		unix.Close(n.fd)
		return n, err
	}
	return n, nil
}

func (n *node) close() { unix.Close(n.fd) }

func (n *node) kind() uint32 { return n.stat.Mode & unix.S_IFMT }

// id is the same for all names of one file.
func (n *node) id() fileID { return fileID{uint64(n.stat.Dev), n.stat.Ino} }

type fileID struct{ dev, ino uint64 }

// directory opens the node for its entries.
func (n *node) directory() (int, error) {
	return unix.Openat(n.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}
