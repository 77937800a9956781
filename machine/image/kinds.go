// SPDX-License-Identifier: Apache-2.0

package image

import (
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// btrfsRoot is the inode number of every btrfs subvolume's top directory.
const btrfsRoot = 256

// immutable is FS_IMMUTABLE_FL, what chattr +i sets.
const immutable = 0x10

// readOnlyPlace tells whether nothing can be written at path, whatever it is:
// vendor trees are below /usr.
func readOnlyPlace(path string) bool {
	return strings.HasPrefix(path, "/usr/") || unix.Access(path, unix.W_OK) == unix.EROFS
}

func directory(path string) (Image, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Image{}, err
	}
	defer unix.Close(fd)
	img := Image{Path: path, Type: Directory, ReadOnly: readOnlyPlace(path), Usage: Unknown, Limit: Unknown, Created: created(fd, "")}
	var st unix.Stat_t
	var fs unix.Statfs_t
	if unix.Fstat(fd, &st) == nil && st.Ino == btrfsRoot && unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.BTRFS_SUPER_MAGIC {
		img.Type = Subvolume
		img.ReadOnly = img.ReadOnly || subvolumeReadOnly(fd)
		return img, nil
	}
	if flags, err := unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS); err == nil && flags&immutable != 0 {
		img.ReadOnly = true
	}
	return img, nil
}

// stack is a directory of layers, which are read-only but for one.
func stack(name, path string) (Image, error) {
	img, err := directory(path)
	if err != nil {
		return Image{}, err
	}
	img.Name, img.Type = name, Stack
	entries, err := os.ReadDir(path)
	if err != nil {
		return Image{}, err
	}
	layered := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "layer@") })
	writable := slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "rw" })
	img.ReadOnly = img.ReadOnly || layered && !writable
	return img, nil
}

// subvolumeReadOnly reads the subvolume's own flag.
func subvolumeReadOnly(fd int) bool {
	const getFlags, readOnly = 0x80089419, 1 << 1 // BTRFS_IOC_SUBVOL_GETFLAGS, BTRFS_SUBVOL_RDONLY
	flags, err := unix.IoctlGetInt(fd, getFlags)
	return err == nil && flags&readOnly != 0
}

func raw(name, path string, st *unix.Stat_t) Image {
	return Image{
		Name: name, Path: path, Type: Raw,
		ReadOnly: st.Mode&0o222 == 0 || readOnlyPlace(path),
		Created:  created(unix.AT_FDCWD, path),
		Modified: uint64(st.Mtim.Nano() / 1000),
		Usage:    uint64(st.Blocks) * 512,
		Limit:    uint64(st.Size),
	}
}

func block(name, path string, st *unix.Stat_t) (Image, error) {
	img := Image{Name: name, Path: path, Type: Block, ReadOnly: st.Mode&0o222 == 0 || readOnlyPlace(path), Usage: Unknown, Limit: Unknown}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return img, nil // there, but cannot be looked at
	}
	defer unix.Close(fd)
	if err := unix.Fstat(fd, st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return Image{}, ErrNotFound
	}
	if ro, err := unix.IoctlGetInt(fd, unix.BLKROGET); err == nil && ro&1 != 0 {
		img.ReadOnly = true
	}
	if size, err := unix.IoctlGetInt(fd, unix.BLKGETSIZE64); err == nil && size > 0 {
		img.Usage, img.Limit = uint64(size), uint64(size)
	}
	return img, nil
}

// created is the birth time of a file, in µs, 0 where the file system has none.
func created(fd int, path string) uint64 {
	var sx unix.Statx_t
	flags := unix.AT_STATX_DONT_SYNC
	if path == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	if unix.Statx(fd, path, flags, unix.STATX_BTIME, &sx) != nil || sx.Mask&unix.STATX_BTIME == 0 {
		return 0
	}
	return uint64(sx.Btime.Sec)*1_000_000 + uint64(sx.Btime.Nsec)/1000
}
