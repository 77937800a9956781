// SPDX-License-Identifier: Apache-2.0

package image

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// A plain directory is bounded by the quota of a project (xfs_quota(8), chattr(1)), to which all its files belong, and what is made in it
// from then on. Its directories hand that down; links and device nodes that were there stay out of it, as with other tools.

// firstProject is added to the inode number of a tree to make the number of its project, so that each of a file system has its own.
const firstProject = 10000

// maxProjectTries bounds the search for a project that nobody uses.
const maxProjectTries = 64

// limitTree bounds the bytes of a directory; Unknown takes the bound away.
func limitTree(name string, bytes uint64) error {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	root := os.NewFile(uintptr(fd), name)
	defer root.Close()
	id, err := sys.Project(fd)
	if err != nil {
		return noQuota(err)
	}
	if id == 0 && bytes == Unknown {
		_, _, _, err := sys.ProjectQuota(fd, id)
		return noQuota(err)
	}
	complete := false
	if id != 0 {
		_, _, limit, err := sys.ProjectQuota(fd, id)
		if err != nil {
			return noQuota(err)
		}
		complete = limit != Unknown
	} else if id, err = freeProject(fd); err != nil {
		return noQuota(err)
	}
	if !complete && bytes != Unknown {
		a := &assignment{project: id}
		if err := a.directory(root, name, 0); err != nil {
			return noQuota(err)
		}
	}
	return noQuota(sys.LimitProject(fd, id, bytes)) // last, for it tells that all files have been seen to
}

// errNoProjects says that a directory is on a file system that keeps no account of projects, or does not now.
var errNoProjects error = refusal{"its file system has no quotas: btrfs has, and ext4 and xfs that are mounted with prjquota", unix.EOPNOTSUPP}

func noQuota(err error) error {
	for _, none := range []error{unix.ENOTTY, unix.EOPNOTSUPP, unix.ESRCH, unix.ENOSYS, unix.EINVAL} {
		if errors.Is(err, none) {
			return errNoProjects
		}
	}
	return err
}

func freeProject(root int) (uint32, error) {
	var st unix.Stat_t
	if err := unix.Fstat(root, &st); err != nil {
		return 0, err
	}
	for i := range uint32(maxProjectTries) {
		id := uint32(st.Ino) + firstProject + i*0x10000
		if id == 0 {
			continue
		}
		_, files, limit, err := sys.ProjectQuota(root, id)
		if err != nil || files == 0 && limit == Unknown {
			return id, err
		}
	}
	return 0, errors.New("find a project: all that were tried are in use")
}

// assignment gives files to a project.
type assignment struct{ project uint32 }

// maxTreeDepth bounds how deep directories may lie in one another; each is held open meanwhile.
const maxTreeDepth = 900

// directory gives away a directory, then what is in it, so that what is made meanwhile is not missed.
func (a *assignment) directory(dir *os.File, name string, depth int) error {
	if depth > maxTreeDepth {
		return fmt.Errorf("%s: directories are more than %d deep", name, maxTreeDepth)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return &os.PathError{Op: "stat", Path: name, Err: err}
	}
	if err := a.give(int(dir.Fd()), name, true); err != nil {
		return err
	}
	for {
		entries, err := dir.Readdirnames(1000)
		for _, entry := range entries {
			if err := a.entry(int(dir.Fd()), entry, path.Join(name, entry), st.Dev, depth); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// entry gives away what a directory has by a name. Whoever is in the tree may change it meanwhile, so that what is opened is looked at again.
func (a *assignment) entry(dir int, entry, name string, dev uint64, depth int) error {
	var st unix.Stat_t
	err := unix.Fstatat(dir, entry, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil || st.Dev != dev || st.Mode&unix.S_IFMT != unix.S_IFDIR && st.Mode&unix.S_IFMT != unix.S_IFREG {
		return ignoreGone(err)
	}
	fd, err := unix.Openat(dir, entry, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ignoreGone(err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	if err := unix.Fstat(fd, &st); err != nil || st.Dev != dev {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return a.directory(f, name, depth+1)
	case unix.S_IFREG:
		return a.give(fd, name, false)
	}
	return nil
}

// give leaves alone what is marked as not to be changed.
func (a *assignment) give(fd int, name string, directory bool) error {
	err := sys.SetProject(fd, a.project, directory)
	if errors.Is(err, unix.EPERM) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func ignoreGone(err error) error {
	if err == unix.ENOENT || err == unix.ELOOP || err == unix.ENXIO {
		return nil
	}
	return err
}
