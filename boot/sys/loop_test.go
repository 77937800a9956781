// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestRelationOfLoopDevices(t *testing.T) {
	const device, inode = 8, 42
	file := unix.Stat_t{Mode: unix.S_IFREG, Dev: device, Ino: inode, Size: 200}
	for _, tt := range []struct {
		about            string
		dev, inode       uint64
		offset, size     uint64
		readOnly, wanted bool // the loop device's, the part's
		want             int
	}{
		{"another file", device, 1, 100, 50, false, false, foreign},
		{"another file system's", 1, inode, 100, 50, false, false, foreign},
		{"the partition before", device, inode, 50, 50, false, false, foreign},
		{"the partition behind", device, inode, 150, 50, false, false, foreign},
		{"the very same", device, inode, 100, 50, false, false, same},
		{"the very same, read", device, inode, 100, 50, true, true, same},
		{"written, wanted for reading", device, inode, 100, 50, false, true, same},
		{"read, wanted for writing", device, inode, 100, 50, true, false, contrary},
		{"to the end, which is further", device, inode, 100, 0, false, false, contrary},
		{"all of the disk", device, inode, 0, 0, false, false, contrary},
		{"all of the disk, both read", device, inode, 0, 0, true, true, foreign},
		{"all of the disk, one written", device, inode, 0, 0, false, true, contrary},
		{"overlaps", device, inode, 120, 50, false, true, contrary},
	} {
		l := &unix.LoopInfo64{Device: tt.dev, Inode: tt.inode, Offset: tt.offset, Sizelimit: tt.size}
		if tt.readOnly {
			l.Flags = unix.LO_FLAGS_READ_ONLY
		}
		if got := relation(l, &file, Part{Offset: 100, Size: 50, ReadOnly: tt.wanted}); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.about, got, tt.want)
		}
	}
	file.Size = 150
	if got := relation(&unix.LoopInfo64{Device: device, Inode: inode, Offset: 100}, &file, Part{Offset: 100, Size: 50}); got != same {
		t.Errorf("to the end, as the part: %d", got)
	}
	block := unix.Stat_t{Mode: unix.S_IFBLK, Dev: 6, Ino: 1, Rdev: 99}
	if got := relation(&unix.LoopInfo64{Device: 7, Inode: 2, Rdevice: 99, Offset: 100, Sizelimit: 50}, &block, Part{Offset: 100, Size: 50}); got != same {
		t.Errorf("a block device by another node: %d", got)
	}
}

func TestOpenDeviceRefuses(t *testing.T) {
	for _, p := range []Part{{Path: "/etc/passwd", Type: "fuse"}, {Path: t.TempDir(), Type: "ext4"}, {Path: "/dev/null", Type: "ext4", ReadOnly: true}} {
		if d, err := OpenDevice(p); err == nil {
			d.Close()
			t.Errorf("%+v was mounted", p)
		}
	}
}
