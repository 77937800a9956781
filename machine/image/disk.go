// SPDX-License-Identifier: Apache-2.0

package image

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// magics tell which file system is at a place. Others than these are not
// mounted, so that no image chooses what the kernel runs on it.
var magics = []struct {
	name string
	at   int64 // in bytes
	text string
}{
	{"ext4", 1024 + 0x38, "\x53\xef"},
	{"xfs", 0, "XFSB"},
	{"btrfs", 65536 + 0x40, "_BHRfS_M"},
	{"squashfs", 0, "hsqs"},
	{"erofs", 1024, "\xe2\xe1\xf5\xe0"},
	{luks, 0, "LUKS\xba\xbe"},
}

// luks is what is encrypted, and no file system.
const luks = "LUKS"

// fatMagics are those of the firmware's file system, whose first sector ends
// like that of a partition table.
var fatMagics = map[int64]string{0x36: "FAT1", 0x52: "FAT32"}

// diskError says why a disk image cannot be used, and what to do.
type diskError struct {
	text  string
	errno unix.Errno // what systemd's own programs say
}

func (e *diskError) Error() string { return e.text }

// Unwrap gives the errno.
func (e *diskError) Unwrap() error { return e.errno }

var (
	errNoFileSystem = &diskError{"no file system is on it that machines can have: ext4, xfs, btrfs, squashfs or erofs", unix.ENOPKG}
	errEncrypted    = &diskError{"encrypted file systems (LUKS) are not supported yet: unlock it, and give the unlocked device", unix.EOPNOTSUPP}
	errUnused       = &diskError{"the image policy has its root passed over: allow it one", unix.ENXIO}
	errVerity       = &diskError{"images with verity are not supported yet: use systemd-nspawn for it", unix.EOPNOTSUPP}
)

// typeAt tells the file system in an area, "" if it is none that we know.
func typeAt(disk io.ReaderAt, where area) string {
	for _, m := range magics {
		if has(disk, where, m.at, m.text) {
			return m.name
		}
	}
	return ""
}

// has tells whether a text is at a place in an area.
func has(disk io.ReaderAt, where area, at int64, text string) bool {
	b := make([]byte, len(text))
	if at+int64(len(b)) > where.size {
		return false
	}
	_, err := disk.ReadAt(b, where.start+at)
	return err == nil && string(b) == text
}

// typeOf tells the file system on a partition.
func (p partition) typeOf(disk io.ReaderAt) string {
	for at, text := range fatMagics {
		if (p.kind == kindESP || p.kind == kindBoot) && has(disk, p.area, at, text) {
			return "vfat"
		}
	}
	if p.kind == kindESP {
		return ""
	}
	return typeAt(disk, p.area)
}

// journalElsewhere tells of an ext4 that its journal is on another device, which it names by itself: that would be one of the host's.
func journalElsewhere(disk io.ReaderAt, where area) bool {
	const hasJournal = 0x4
	b := make([]byte, 4)
	if _, err := disk.ReadAt(b, where.start+1024+0x5c); err != nil || b[0]&hasJournal == 0 {
		return false
	}
	_, err := disk.ReadAt(b, where.start+1024+0xe0)
	return err != nil || string(b) == "\x00\x00\x00\x00"
}

// places are where partitions belong, in the order in which they are mounted.
// The firmware's may have its place elsewhere, see [boot/mount.Part].
var places = []struct {
	kind partitionKind
	path string
}{
	{kindRoot, "/"}, {kindUsr, "/usr"}, {kindBoot, "/boot"}, {kindESP, "/efi"}, {kindHome, "/home"}, {kindSrv, "/srv"}, {kindVar, "/var"},
	{kindTmp, "/var/tmp"},
}

// Parts tells which file systems of a disk image make a machine's tree, as far
// as a policy, unless nil, has them used. Nothing is mounted, and no more is
// read than says where and of which type they are.
func Parts(path string, policy Policy) ([]sys.Part, error) {
	parts, err := partsOf(path, policy)
	if err != nil {
		return nil, fmt.Errorf("look into disk image %q: %w", path, err)
	}
	return parts, nil
}

func partsOf(path string, policy Policy) ([]sys.Part, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	for _, suffix := range []string{".roothash", ".usrhash", ".verity"} {
		if _, err := os.Lstat(strings.TrimSuffix(path, rawSuffix) + suffix); err == nil {
			return nil, errVerity
		}
	}
	parts, err := partsIn(f, size, policy)
	for i := range parts {
		parts[i].Path = path
	}
	return parts, err
}

// partsIn is Parts of an open disk.
func partsIn(disk io.ReaderAt, size int64, policy Policy) ([]sys.Part, error) {
	if policy == nil {
		policy = lenient{}
	}
	c, err := layout(disk, size, policy)
	if err == nil {
		err = c.check(disk, policy)
	}
	if err != nil {
		return nil, err
	}
	if c.proven() {
		return nil, errVerity
	}
	var parts []sys.Part
	for _, place := range places {
		p, there := c.found[place.kind]
		if !there {
			continue
		}
		part := sys.Part{Offset: p.start, Size: p.size, Type: p.typeOf(disk), Target: place.path, ReadOnly: p.readOnly}
		switch {
		case part.Type == "ext4" && journalElsewhere(disk, p.area):
			return nil, fmt.Errorf("%s: its journal is on another device", place.path)
		case part.Type == luks:
			return nil, fmt.Errorf("%s: %w", place.path, errEncrypted)
		case part.Type == "" && place.kind == kindRoot:
			return nil, errNoFileSystem
		case part.Type == "":
			return nil, fmt.Errorf("%s: %w", place.path, errNoFileSystem)
		}
		parts = append(parts, part)
	}
	return parts, nil
}

// mountDisk mounts the root of a disk image for reading only, and nowhere: the
// mount is the returned directory, and goes with it.
func mountDisk(path string) (root int, err error) {
	parts, err := partsOf(path, nil)
	if err != nil {
		return -1, err
	}
	part := parts[0] // the root, or /usr if that is all there is
	part.ReadOnly = true
	device, err := sys.OpenDevice(part)
	if err != nil {
		return -1, err
	}
	defer device.Close() // it goes with the mount
	return device.Mount(unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC)
}

// IsDisk tells whether there is a disk image at a path: a file or a block device.
func IsDisk(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	kind := info.Mode().Type()
	return kind == 0 || kind&os.ModeDevice != 0 && kind&os.ModeCharDevice == 0
}

// IsStack tells whether a path is that of layers (systemd.mstack(7)).
func IsStack(path string) bool { return strings.HasSuffix(filepath.Clean(path), stackSuffix) }
