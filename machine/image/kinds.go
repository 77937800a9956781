// SPDX-License-Identifier: Apache-2.0

package image

import (
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
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
	img := Image{Path: path, Type: Directory, ReadOnly: readOnlyPlace(path), Created: created(fd, "")}
	img.bound(sys.NoQuota())
	var st unix.Stat_t
	var fs unix.Statfs_t
	if unix.Fstat(fd, &st) == nil && st.Ino == btrfsRoot && unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.BTRFS_SUPER_MAGIC {
		img.Type = Subvolume
		img.subvolume(fd)
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

// subvolume adds what btrfs knows of the subvolume at fd.
func (i *Image) subvolume(fd int) {
	if ro, err := sys.SubvolumeReadOnly(fd); err == nil && ro {
		i.ReadOnly = true
	}
	if made, changed, err := sys.SubvolumeTimes(fd); err == nil {
		i.Created, i.Modified = made, changed
	}
	if quota, err := sys.SubvolumeQuota(fd); err == nil {
		i.bound(quota)
	}
}

func (i *Image) bound(q sys.Quota) {
	i.Usage, i.UsageExclusive, i.Limit, i.LimitExclusive = q.Usage, q.UsageExclusive, q.Limit, q.LimitExclusive
}

func raw(name, path string, st *unix.Stat_t) Image {
	used, size := uint64(st.Blocks)*512, uint64(st.Size)
	return Image{
		Name: name, Path: path, Type: Raw,
		ReadOnly: st.Mode&0o222 == 0 || readOnlyPlace(path),
		Created:  created(unix.AT_FDCWD, path),
		Modified: uint64(st.Mtim.Nano() / 1000),
		Usage:    used, UsageExclusive: used,
		Limit: size, LimitExclusive: size,
	}
}

func block(name, path string, st *unix.Stat_t) (Image, error) {
	img := Image{Name: name, Path: path, Type: Block, ReadOnly: st.Mode&0o222 == 0 || readOnlyPlace(path)}
	img.bound(sys.NoQuota())
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
		n := uint64(size)
		img.bound(sys.Quota{Usage: n, UsageExclusive: n, Limit: n, LimitExclusive: n})
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
