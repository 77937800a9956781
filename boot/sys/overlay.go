// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Overlay is a mount of overlayfs, of directories that are open (O_PATH) and mounted somewhere in the caller's mount namespace.
type Overlay struct {
	Lower       []int // the lowest first
	Upper, Work int   // on one mount, of which the second is empty; -1 for a read-only overlay

	// UserAttributes has what the kernel notes of files be in attributes that users may have ("user.overlay.", Linux 5.11).
	UserAttributes bool
}

// maxOption bounds a string that fsconfig(2) takes, with its NUL.
const maxOption = 256

// Mount makes the mount, detached. The calling thread's working directory changes; it must be its own (CLONE_FS).
func (o Overlay) Mount() (int, error) {
	// Descriptors are shorter than paths, and need no escaping.
	if err := unix.Chdir("/proc/self/fd"); err != nil {
		return -1, fmt.Errorf("mount overlay: %w", err)
	}
	names := make([]string, len(o.Lower))
	for i, fd := range o.Lower {
		names[len(names)-1-i] = strconv.Itoa(fd)
	}
	lower := strings.Join(names, ":")
	if len(lower) >= maxOption {
		return -1, fmt.Errorf("mount overlay: %d layers are too many", len(names))
	}
	options := [][2]string{{"source", "overlay"}, {"lowerdir", lower}}
	if o.Upper >= 0 {
		options = append(options, [2]string{"upperdir", strconv.Itoa(o.Upper)}, [2]string{"workdir", strconv.Itoa(o.Work)})
	}
	if o.UserAttributes {
		options = append(options, [2]string{"userxattr", ""})
	}
	attr := 0
	if o.Upper < 0 {
		attr = unix.MOUNT_ATTR_RDONLY
	}
	return newMount("overlay", options, o.Upper < 0, attr)
}

// NewMount makes a file system of a type without a device, such as tmpfs, with the given options, detached.
func NewMount(fstype, options string) (int, error) {
	list := [][2]string{{"source", fstype}}
	for option := range strings.SplitSeq(options, ",") {
		key, value, _ := strings.Cut(option, "=")
		list = append(list, [2]string{key, value})
	}
	return newMount(fstype, list, false, 0)
}

// newMount sets options by fsconfig(2), those without a value as flags. readOnly is the file system, attr are the mount's attributes.
func newMount(fstype string, options [][2]string, readOnly bool, attr int) (int, error) {
	fd, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("mount %s: %w", fstype, err)
	}
	defer unix.Close(fd)
	for _, o := range options {
		switch {
		case o[0] == "":
		case o[1] == "":
			err = unix.FsconfigSetFlag(fd, o[0])
		default:
			err = unix.FsconfigSetString(fd, o[0], o[1])
		}
		if err != nil {
			return -1, fmt.Errorf("mount %s: option %q: %w", fstype, o[0], err)
		}
	}
	if readOnly {
		if err := unix.FsconfigSetFlag(fd, "ro"); err != nil {
			return -1, fmt.Errorf("mount %s: %w", fstype, err)
		}
	}
	if err := unix.FsconfigCreate(fd); err != nil {
		return -1, fmt.Errorf("mount %s: %w%s", fstype, err, complaint(fd))
	}
	tree, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, attr)
	if err != nil {
		return -1, fmt.Errorf("mount %s: %w", fstype, err)
	}
	return tree, nil
}

// complaint is what the kernel has to say about an error of a file system context (fsopen(2)), if anything.
func complaint(fd int) string {
	const kind = 2 // "e " in front of an error
	buf := make([]byte, 512)
	for {
		n, err := unix.Read(fd, buf)
		if err != nil || n <= kind {
			return ""
		}
		if buf[0] == 'e' {
			return " (" + strings.TrimSpace(string(buf[kind:n])) + ")"
		}
	}
}
