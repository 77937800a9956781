// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Namespace opens the network namespace at path.
func Namespace(path string) (*os.File, error) {
	// Only looked at until it is known what it is: to open a device may do something.
	probe, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open network namespace %q: %w", path, err)
	}
	defer unix.Close(probe)
	var st unix.Statfs_t
	if err := unix.Fstatfs(probe, &st); err != nil {
		return nil, fmt.Errorf("open network namespace %q: %w", path, err)
	}
	no := fmt.Errorf("%q is not a network namespace: name a file that `ip netns add` or the like has made", path)
	if st.Type != unix.NSFS_MAGIC {
		return nil, no
	}
	f, err := os.Open(sys.FDPath(probe))
	if err != nil {
		return nil, fmt.Errorf("open network namespace %q: %w", path, errors.Unwrap(err))
	}
	if kind, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE); err != nil || kind != unix.CLONE_NEWNET {
		f.Close()
		return nil, no
	}
	return f, nil
}
