// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"os"

	"golang.org/x/sys/unix"
)

// ThisHost is the host that we are on, with a tree.
type ThisHost struct{ Root string }

// Device gives the number of the device at path, or of the one that the file system there is on.
func (ThisHost) Device(path string) (major, minor uint32, err error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, 0, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	dev := uint64(st.Dev)
	if kind := st.Mode & unix.S_IFMT; kind == unix.S_IFBLK || kind == unix.S_IFCHR {
		dev = st.Rdev
	}
	return unix.Major(dev), unix.Minor(dev), nil
}

// Account looks up a user of the tree.
func (h ThisHost) Account(user string) (Account, error) { return FindAccount(h.Root, user) }
