// SPDX-License-Identifier: Apache-2.0

package image

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// ErrLocked says that the image is in use by another machine or tool.
var ErrLocked = errors.New("image is in use")

const lockDir = "/run/systemd/nspawn/locks"

// Lock takes the locks that systemd-nspawn, systemd-machined and systemd-importd
// take on an image: one in /run by device and inode, so that one tree under two
// names is still one, and one beside the image for hosts that share it. They
// are open file description locks: they last as long as any copy of the
// returned files is open, in any process or fd store. A lock held by somebody
// else gives ErrLocked. Exclusive locks of "/" are refused; shared ones need
// no file. SYSTEMD_NSPAWN_LOCK=0 turns locking off, as for nspawn.
func Lock(path string, exclusive bool) ([]*os.File, error) { return LockBy(sys.Lock, path, exclusive) }

// LockBy is Lock with a way of one's own to take each of the locks.
func LockBy(lock sys.Locker, path string, exclusive bool) ([]*os.File, error) {
	return lockAll(lock, path, exclusive, 0)
}

// LockTreeBy is LockBy of a tree that is no image of ours: the file beside it, which would litter another's folder, is left out.
func LockTreeBy(lock sys.Locker, path string, exclusive bool) ([]*os.File, error) {
	return lockAll(lock, path, exclusive, 1)
}

func lockAll(lock sys.Locker, path string, exclusive bool, skip int) ([]*os.File, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("lock image %q: path is not absolute: %w", path, unix.EINVAL)
	}
	path = filepath.Clean(path)
	if off(os.Getenv("SYSTEMD_NSPAWN_LOCK")) {
		return nil, nil
	}
	if path == "/" {
		if exclusive {
			return nil, fmt.Errorf("lock image %q: the host runs off it: %w", path, ErrLocked)
		}
		return nil, nil
	}
	names, err := lockNames(path)
	if err != nil {
		return nil, fmt.Errorf("lock image %q: %w", path, err)
	}
	var files []*os.File
	for _, name := range names[min(skip, len(names)):] {
		f, err := lockFile(lock, name, exclusive)
		if err == nil {
			if f != nil {
				files = append(files, f)
			}
			continue
		}
		for _, f := range files {
			if exclusive {
				_ = os.Remove(f.Name()) // while held, so that no other holder is robbed
			}
			f.Close()
		}
		if errors.Is(err, sys.ErrLocked) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("lock image %q: %w", path, err)
	}
	return files, nil
}

func lockFile(lock sys.Locker, name string, exclusive bool) (*os.File, error) {
	f, err := lock(name, exclusive)
	if err != nil && !exclusive && errors.Is(err, unix.EROFS) {
		return nil, nil // nobody can change the image either
	}
	return f, err
}

// lockNames are the lock files of an image, in the order in which they are
// taken, which is systemd's.
func lockNames(path string) ([]string, error) {
	var names []string
	if !strings.HasPrefix(path, "/dev/") {
		names = append(names, filepath.Join(filepath.Dir(path), ".#"+filepath.Base(path)+".lck"))
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		if err == unix.ENOENT {
			return names, nil // it is about to be made
		}
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(lockDir), 0o755); err != nil {
		return nil, err
	}
	if err := os.Mkdir(lockDir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK:
		names = append(names, fmt.Sprintf("%s/block-%d:%d", lockDir, unix.Major(st.Rdev), unix.Minor(st.Rdev)))
	case unix.S_IFDIR, unix.S_IFREG:
		names = append(names, fmt.Sprintf("%s/inode-%d:%d", lockDir, st.Dev, st.Ino))
	default:
		return nil, unix.ENOTTY
	}
	return names, nil
}

// Sweep removes the lock files of an image that nobody holds any more. systemd's
// tools remove theirs when they let go; a lock that lived in an fd store has
// nobody to do that.
func Sweep(path string) {
	names, err := lockNames(filepath.Clean(path))
	if err != nil {
		return
	}
	for _, name := range names {
		sys.RemoveLock(name)
	}
}

// off reads a boolean of the environment as systemd does.
func off(s string) bool {
	switch strings.ToLower(s) {
	case "0", "no", "n", "false", "f", "off":
		return true
	}
	return false
}
