// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Pin shows the namespace behind fd as a file at path, which keeps it alive without any process.
func Pin(fd int, path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE|unix.O_NOFOLLOW, 0)
	if err != nil {
		return fmt.Errorf("pin namespace: %w", err)
	}
	f.Close()
	if err := unix.Mount(FDPath(fd), path, "", unix.MS_BIND, ""); err != nil {
		_ = os.Remove(path)
		return &os.PathError{Op: "pin namespace at", Path: path, Err: err}
	}
	return nil
}

// Unpin takes back Pin; a path that is not there is no error.
func Unpin(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) == nil {
	}
	return os.Remove(path)
}
