// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Mask hides what is at Path, if there is anything: a directory under an empty one, anything else under /dev/null of the host.
type Mask struct{ Path string }

func (o Mask) String() string { return words("mask", o.Path) }

func (o Mask) apply(r *Root) error {
	st, err := r.stat(o.Path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		e := Entry{Type: "tmpfs", Source: "tmpfs", Target: o.Path, Flags: none, Data: "mode=0755,size=4k,nr_inodes=2", Set: ReadOnly}
		return e.apply(r)
	}
	return r.hide(o.Path)
}

// hide makes sure that it is the host's null device which it shows: one of the machine's tree could be anything.
func (r *Root) hide(target string) error {
	const null = "/dev/null"
	fd, err := unix.Open(null, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: null, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(1, 3) {
		return fmt.Errorf("%s of this host is not the null device", null)
	}
	tree, err := sys.CloneTree(fd, false)
	if err != nil {
		return err
	}
	return r.put(tree, target)
}
