// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// busy is the first id of a range that nobody has. The root of a tree belongs to it while the tree is being changed, so that one that
// was left half done is told from one that is done (UID_BUSY_BASE of systemd's nspawn-def.h).
const busy = 0xfffe0000

// maxDepth bounds how deep directories may lie in one another; each is held open while what is in it is changed.
const maxDepth = 2000

// Chown gives all files of a tree to the range of ids from base on: what belongs to id N of whatever range then belongs to base+N. The
// root comes last; a tree whose root belongs to the range is done already. Symbolic links are not followed. What a change of owner takes
// away, set-user-ID bits and file capabilities, is kept, and access control lists are changed likewise. File systems in memory of the
// kernel's, and what is mounted read-only, are left out (as systemd's nspawn-patch-uid.c).
func Chown(ctx context.Context, tree string, base uint32) error {
	fd, err := unix.Open(tree, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: tree, Err: err}
	}
	root := os.NewFile(uintptr(fd), tree)
	defer root.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: tree, Err: err}
	}
	now, ok := BaseOf(st.Uid, st.Gid)
	switch {
	case base%Size != 0:
		return fmt.Errorf("id %d does not begin a range of %d", base, Size)
	case !ok:
		return fmt.Errorf("user %d and group %d, to whom %q belongs, are not of one range of %d ids", st.Uid, st.Gid, tree, Size)
	case now == base:
		return nil
	}
	if now != busy {
		// EINVAL: in a user namespace there is no such id. What is half done has its old owner then, which does for us.
		if err := unix.Fchown(fd, int(busy|st.Uid%Size), int(busy|st.Gid%Size)); err != nil && err != unix.EINVAL {
			return &os.PathError{Op: "chown", Path: tree, Err: err}
		}
	}
	s := shift{ctx: ctx, base: base}
	if s.apart(fd) {
		return &os.PathError{Op: "chown", Path: tree, Err: unix.EROFS}
	}
	return s.directory(root, st, tree, 0)
}

// shift is a change of a tree's owners.
type shift struct {
	ctx  context.Context
	base uint32
}

// directory changes what is in a directory, and then itself.
func (s shift) directory(dir *os.File, st unix.Stat_t, name string, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%s: directories are more than %d deep", name, maxDepth)
	}
	for {
		entries, err := dir.Readdirnames(1000)
		for _, entry := range entries {
			if err := s.entry(int(dir.Fd()), entry, st.Dev, path.Join(name, entry), depth); err != nil {
				return err
			}
		}
		if len(entries) == 0 {
			if err != nil && err != io.EOF {
				return err
			}
			return s.file(int(dir.Fd()), st, name)
		}
	}
}

// entry changes what a directory has by a name.
func (s shift) entry(dir int, entry string, dev uint64, name string, depth int) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	fd, err := unix.Openat(dir, entry, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: name, Err: err}
	}
	if st.Dev != dev && s.apart(fd) {
		return nil
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		err = s.file(fd, st, name)
	} else {
		err = s.below(dir, entry, st, name, depth)
	}
	if errors.Is(err, unix.EROFS) { // a part of the tree's own file system that is mounted read-only
		return nil
	}
	return err
}

func (s shift) below(dir int, entry string, st unix.Stat_t, name string, depth int) error {
	fd, err := unix.Openat(dir, entry, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	sub := os.NewFile(uintptr(fd), name)
	defer sub.Close()
	return s.directory(sub, st, name, depth+1)
}

// file changes the owner of one file, and puts back what that takes from it.
func (s shift) file(fd int, st unix.Stat_t, name string) error {
	fail := func(op string, err error) error { return &os.PathError{Op: op, Path: name, Err: err} }
	uid, gid := s.base|st.Uid%Size, s.base|st.Gid%Size
	kind := st.Mode & unix.S_IFMT
	link := sys.FDPath(fd)
	if uid != st.Uid || gid != st.Gid {
		var capability []byte
		if kind == unix.S_IFREG {
			capability = attribute(link, capabilityAttr)
		}
		if err := unix.Fchownat(fd, "", int(uid), int(gid), unix.AT_EMPTY_PATH); err != nil {
			return fail("chown", err)
		}
		if kind == unix.S_IFREG && st.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 {
			if err := unix.Chmod(link, st.Mode&0o7777); err != nil {
				return fail("chmod", err)
			}
		}
		if capability = ownedBy(capability, s.base); capability != nil {
			if err := unix.Setxattr(link, capabilityAttr, capability, 0); err != nil {
				return fail("set capabilities of", err)
			}
		}
	}
	if kind == unix.S_IFLNK {
		return nil
	}
	for _, attr := range accessAttrs {
		if list := shiftedACL(attribute(link, attr), s.base); list != nil {
			if err := unix.Setxattr(link, attr, list, 0); err != nil {
				return fail("set access control list of", err)
			}
		}
	}
	return nil
}

// kernelOwn are file systems whose files are the kernel's.
var kernelOwn = map[int64]bool{
	unix.BINFMTFS_MAGIC: true, unix.CGROUP_SUPER_MAGIC: true, unix.CGROUP2_SUPER_MAGIC: true, unix.DEBUGFS_MAGIC: true,
	unix.DEVPTS_SUPER_MAGIC: true, unix.EFIVARFS_MAGIC: true, unix.HUGETLBFS_MAGIC: true, unix.PROC_SUPER_MAGIC: true,
	unix.PSTOREFS_MAGIC: true, unix.SELINUX_MAGIC: true, unix.SMACK_MAGIC: true, unix.SECURITYFS_MAGIC: true, unix.BPF_FS_MAGIC: true,
	unix.TRACEFS_MAGIC: true, unix.SYSFS_MAGIC: true, 0x19800202: true, // of message queues
}

// apart tells whether what is mounted at fd is left as it is.
func (s shift) apart(fd int) bool {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return false
	}
	return st.Flags&unix.ST_RDONLY != 0 || kernelOwn[st.Type]
}
