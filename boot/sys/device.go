// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Device is a [Part] on a block device of its own, which is gone when it is closed and the file system on it is not mounted any more.
type Device struct {
	part Part
	loop *loop
	held int // mounted nowhere
}

// OpenDevice mounts a part, but nowhere yet. Of one that is mounted already this is the same file system then; one that is to be
// written must not be on another device at the same time.
func OpenDevice(p Part) (*Device, error) {
	if _, ok := fileSystems[p.Type]; !ok {
		return nil, fmt.Errorf("mount %s: %w", p.Type, unix.ENODEV) // nothing else is tried on data of others
	}
	l, err := attachLoop(p)
	if err != nil {
		return nil, err
	}
	d := &Device{part: p, loop: l}
	if d.held, err = d.Mount(0); err != nil {
		l.Close()
		return nil, err
	}
	return d, nil
}

// Close lets go of the device.
func (d *Device) Close() {
	unix.Close(d.held)
	d.loop.Close()
}

// Mount mounts the file system, detached, with these attributes (unix.MOUNT_ATTR_…) and those that its type always gets.
func (d *Device) Mount(attr int) (int, error) {
	fs := fileSystems[d.part.Type]
	options := append([][2]string{{"source", d.loop.Name()}}, fs.always...)
	if d.loop.readOnly {
		options = append(options, fs.readOnly...)
	} else {
		options = append(options, fs.writable...)
	}
	attr |= unix.MOUNT_ATTR_NODEV | fs.attr
	if d.part.ReadOnly {
		attr |= unix.MOUNT_ATTR_RDONLY
	}
	return newMount(d.part.Type, options, d.loop.readOnly, attr)
}

// fileSystem is how a type of file system is mounted, of which others have made the data.
type fileSystem struct {
	always, readOnly, writable [][2]string
	attr                       int
}

// fileSystems are those that a disk image may have. Read-only, their journals are left alone. What is freed in them is freed in the
// image. An ext4 may ask the kernel to panic when it is found broken.
var fileSystems = map[string]fileSystem{
	"ext4": {
		always:   [][2]string{{"errors", "remount-ro"}},
		readOnly: [][2]string{{"noload", ""}}, writable: [][2]string{{"discard", ""}},
	},
	"xfs":      {readOnly: [][2]string{{"norecovery", ""}}, writable: [][2]string{{"discard", ""}}},
	"btrfs":    {readOnly: [][2]string{{"rescue", "nologreplay"}}, writable: [][2]string{{"discard", ""}}},
	"squashfs": {},
	"erofs":    {},
	// The firmware's: it may have a seed for random numbers in it, and no programs for the machine.
	"vfat": {
		always: [][2]string{{"umask", "0077"}},
		attr:   unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOSYMFOLLOW,
	},
}
