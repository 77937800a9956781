// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// loop is a loop device, which goes when nobody uses it any more.
type loop struct {
	*os.File
	readOnly bool
}

// attachLoop makes a loop device of a part, or finds the one that is.
//
// Two devices of one part, of which one is written, would be two file systems that know nothing of each other. A machine that has just
// ended may still be letting go of its device, with much to write; one that does not go by itself is not waited for.
func attachLoop(p Part) (*loop, error) {
	const tries, pause = 200, 50 * time.Millisecond
	f, err := openDisk(p)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for i := 1; ; i++ {
		l, other, err := findLoop(f, p)
		switch {
		case l != nil || err != nil:
			return l, err
		case other.name == "":
			return makeLoop(f, p)
		case i == tries || other.stays:
			return nil, fmt.Errorf("it is in use as %s by somebody else: see `losetup --list`", other.name)
		}
		time.Sleep(pause)
	}
}

// openDisk opens a disk image. Of a block device that is written nobody else may have a file system mounted.
func openDisk(p Part) (*os.File, error) {
	flags := os.O_RDWR
	if p.ReadOnly {
		flags = os.O_RDONLY
	}
	f, err := os.OpenFile(p.Path, flags|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		f.Close()
		return nil, err
	}
	switch kind := st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFREG, kind == unix.S_IFBLK && p.ReadOnly:
		return f, nil
	case kind == unix.S_IFBLK:
		f.Close()
		return os.OpenFile(p.Path, flags|unix.O_EXCL|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	}
	f.Close()
	return nil, &os.PathError{Op: "open", Path: p.Path, Err: unix.ENOTBLK}
}

// obstacle is a loop device that is in the way.
type obstacle struct {
	name  string // empty for none
	stays bool   // when nobody uses it
}

// findLoop looks for a loop device of the part, or for one that is in the way.
func findLoop(f *os.File, p Part) (found *loop, other obstacle, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, other, err
	}
	attached, _ := filepath.Glob("/sys/block/loop*/loop/backing_file") // the pattern is sound
	for _, file := range attached {
		name := "/dev/" + filepath.Base(filepath.Dir(filepath.Dir(file)))
		node, info, err := openLoop(name)
		if err != nil {
			return nil, other, err
		}
		if node == nil {
			continue
		}
		switch relation(info, &st, p) {
		case same:
			return &loop{node, info.Flags&unix.LO_FLAGS_READ_ONLY != 0}, other, nil
		case contrary:
			other = obstacle{name, info.Flags&unix.LO_FLAGS_AUTOCLEAR == 0}
		}
		node.Close()
	}
	return nil, other, nil
}

// openLoop opens a loop device, if there still is one.
func openLoop(name string) (*os.File, *unix.LoopInfo64, error) {
	node, err := os.Open(name) // not for writing: udev would look at other people's devices once more
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.EBUSY) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	info, err := unix.IoctlLoopGetStatus64(int(node.Fd()))
	if err != nil { // detached meanwhile
		node.Close()
		return nil, nil, nil
	}
	return node, info, nil
}

// Relations of a loop device to a part.
const (
	foreign  = iota // it does not touch the part, or nobody writes it
	same            // it is the part's
	contrary        // it is of the same data, but not the same
)

func relation(l *unix.LoopInfo64, disk *unix.Stat_t, p Part) int {
	mine := l.Device == disk.Dev && l.Inode == disk.Ino
	if disk.Mode&unix.S_IFMT == unix.S_IFBLK {
		mine = l.Rdevice == disk.Rdev
	}
	offset, size := uint64(p.Offset), uint64(p.Size)
	apart := l.Offset >= offset+size || l.Sizelimit != 0 && l.Offset+l.Sizelimit <= offset
	readOnly := l.Flags&unix.LO_FLAGS_READ_ONLY != 0
	alike := l.Offset == offset && (l.Sizelimit == size || l.Sizelimit == 0 && offset+size == uint64(disk.Size))
	switch {
	case !mine || apart:
		return foreign
	case alike && (p.ReadOnly || !readOnly):
		return same
	case p.ReadOnly && readOnly:
		return foreign
	}
	return contrary
}

// makeLoop attaches the part to a free loop device.
func makeLoop(f *os.File, p Part) (*loop, error) {
	const tries = 32
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("make loop device: %w", err)
	}
	defer control.Close()
	flags, mode := uint32(unix.LO_FLAGS_AUTOCLEAR), os.O_RDWR
	if p.ReadOnly {
		flags, mode = flags|unix.LO_FLAGS_READ_ONLY, os.O_RDONLY
	}
	config := &unix.LoopConfig{Fd: uint32(f.Fd()), Info: unix.LoopInfo64{Offset: uint64(p.Offset), Sizelimit: uint64(p.Size), Flags: flags}}
	for range tries {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("make loop device: %w", err)
		}
		node, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", n), mode, 0)
		if err != nil {
			return nil, fmt.Errorf("make loop device: %w", err)
		}
		if err = unix.IoctlLoopConfigure(int(node.Fd()), config); err == nil {
			return &loop{node, p.ReadOnly}, nil
		}
		node.Close()
		if !errors.Is(err, unix.EBUSY) { // somebody else took it first
			return nil, fmt.Errorf("make loop device: %w", err)
		}
	}
	return nil, fmt.Errorf("make loop device: %w", unix.EBUSY)
}
