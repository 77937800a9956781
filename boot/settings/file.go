// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// devNull is the device number of /dev/null, to which links mask a file (systemd.unit(5)).
var devNull = unix.Mkdev(1, 3)

// readFile reads a settings file. Of one that is not trusted, no link is followed. One that is to count as not there is empty.
func readFile(path string, trusted bool) (content string, err error) {
	flags := unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	if !trusted {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Open(path, flags, 0)
	if err != nil {
		return "", fmt.Errorf("read settings: %w", &os.PathError{Op: "open", Path: path, Err: err})
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", fmt.Errorf("read settings: %w", &os.PathError{Op: "stat", Path: path, Err: err})
	}
	switch kind := st.Mode & unix.S_IFMT; {
	case trusted && kind == unix.S_IFCHR && st.Rdev == devNull:
		return "", nil
	case kind != unix.S_IFREG || st.Size > maxSize:
		return "", fmt.Errorf("read settings: %s is not a regular file of at most %d bytes", path, maxSize)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize))
	if err != nil {
		return "", fmt.Errorf("read settings: %w", err)
	}
	return string(text), nil
}
