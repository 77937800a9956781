// SPDX-License-Identifier: Apache-2.0

package image

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// fileSystem is one that a disk image may have its root on. Others are not
// tried, so that no image chooses what the kernel runs on it.
type fileSystem struct {
	name  string
	at    int64 // of the magic number, in bytes
	magic string
	// key and value of the option that leaves its journal alone; a key without a
	// value is a flag.
	key, value string
}

var fileSystems = []fileSystem{
	{"ext4", 1024 + 0x38, "\x53\xef", "noload", ""},
	{"xfs", 0, "XFSB", "norecovery", ""},
	{"btrfs", 65536 + 0x40, "_BHRfS_M", "rescue", "nologreplay"},
	{"squashfs", 0, "hsqs", "", ""},
	{"erofs", 1024, "\xe2\xe1\xf5\xe0", "", ""},
}

// errNoFileSystem is what systemd says of a disk without one that it knows.
var errNoFileSystem = fmt.Errorf("no file system is on it: %w", unix.ENOPKG)

// mountDisk mounts the root of a disk image for reading only, and nowhere: the
// mount is the returned directory, and goes with it.
func mountDisk(path string) (root int, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return -1, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return -1, err
	}
	where, err := rootArea(f, size)
	if err != nil {
		return -1, err
	}
	fs, ok := fileSystemAt(f, where)
	if !ok {
		return -1, errNoFileSystem
	}
	loop, err := attachLoop(f, where)
	if err != nil {
		return -1, fmt.Errorf("make loop device: %w", err)
	}
	defer loop.Close() // the device goes with the mount
	return fs.mount(loop.Name())
}

func fileSystemAt(f io.ReaderAt, where area) (fileSystem, bool) {
	for _, fs := range fileSystems {
		b := make([]byte, len(fs.magic))
		if fs.at+int64(len(b)) > where.size {
			continue
		}
		if _, err := f.ReadAt(b, where.start+fs.at); err == nil && string(b) == fs.magic {
			return fs, true
		}
	}
	return fileSystem{}, false
}

// attachLoop makes a loop device of an area of a file, for reading only. It
// goes when nobody uses it any more.
func attachLoop(f *os.File, where area) (*os.File, error) {
	const tries = 32
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	for range tries {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, err
		}
		loop, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), os.O_RDONLY, 0)
		if err != nil {
			return nil, err
		}
		err = unix.IoctlLoopConfigure(int(loop.Fd()), &unix.LoopConfig{Fd: uint32(f.Fd()), Info: unix.LoopInfo64{
			Offset: uint64(where.start), Sizelimit: uint64(where.size), Flags: unix.LO_FLAGS_READ_ONLY | unix.LO_FLAGS_AUTOCLEAR,
		}})
		if err == nil {
			return loop, nil
		}
		loop.Close()
		if !errors.Is(err, unix.EBUSY) { // somebody else took it first
			return nil, err
		}
	}
	return nil, unix.EBUSY
}

// mount mounts a device without giving it a place (fsmount(2)).
func (fs fileSystem) mount(device string) (root int, err error) {
	fd, err := unix.Fsopen(fs.name, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("mount %s: %w", fs.name, err)
	}
	defer unix.Close(fd)
	err = unix.FsconfigSetString(fd, "source", device)
	if err == nil {
		err = unix.FsconfigSetFlag(fd, "ro")
	}
	switch {
	case err != nil || fs.key == "":
	case fs.value == "":
		err = unix.FsconfigSetFlag(fd, fs.key)
	default:
		err = unix.FsconfigSetString(fd, fs.key, fs.value)
	}
	if err == nil {
		err = unix.FsconfigCreate(fd)
	}
	if err == nil {
		root, err = unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	}
	if err != nil {
		return -1, fmt.Errorf("mount %s: %w", fs.name, err)
	}
	return root, nil
}
