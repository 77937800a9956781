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

// ErrReadOnlyPlace says that an image is the host's own or the vendor's.
var ErrReadOnlyPlace error = refusal{"image is the host's or its vendor's", unix.EROFS}

// changeable fails for images that are nobody's to change.
func (i *Image) changeable() error {
	if i.Name == HostName || i.vendor() {
		return ErrReadOnlyPlace
	}
	return nil
}

func (i *Image) vendor() bool { return i.Path == "/usr" || strings.HasPrefix(i.Path, "/usr/") }

// file is the name of an image's file or directory.
func (i *Image) file(name string) string {
	if i.Type == Raw || i.Type == Block && strings.HasSuffix(i.Path, ".raw") {
		return name + ".raw"
	}
	return name
}

// LockName takes the lock on a name that is not yet an image's, as systemd's
// tools do. Release lets go of it.
func LockName(name string) (*os.File, error) {
	if off(os.Getenv("SYSTEMD_NSPAWN_LOCK")) {
		return nil, nil
	}
	if err := os.MkdirAll(lockDir, 0o700); err != nil {
		return nil, fmt.Errorf("lock name %q: %w", name, err)
	}
	f, err := sys.Lock(filepath.Join(lockDir, "name-"+name), true)
	if errors.Is(err, sys.ErrLocked) {
		err = ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("lock name %q: %w", name, err)
	}
	return f, nil
}

// Release lets go of exclusive locks and removes their files.
func Release(locks ...*os.File) {
	for _, f := range locks {
		if f == nil {
			continue
		}
		_ = os.Remove(f.Name()) // while held, so that no other holder is robbed
		f.Close()
	}
}

// claim takes the lock on a name and fails with EEXIST if there is an image of
// that name anywhere.
func claim(name string) (*os.File, error) {
	if !ValidName(name) {
		return nil, fmt.Errorf("image name %q is not valid: %w", name, unix.EINVAL)
	}
	lock, err := LockName(name)
	if err != nil {
		return nil, err
	}
	_, err = Find(name)
	if err == nil {
		err = unix.EEXIST
	}
	if !errors.Is(err, ErrNotFound) {
		Release(lock)
		return nil, fmt.Errorf("image %q: %w", name, err)
	}
	return lock, nil
}

// openDir opens the directory that a path is in, without following links on
// the way's last step.
func openDir(path string) (*os.File, error) {
	fd, err := unix.Open(filepath.Dir(path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: filepath.Dir(path), Err: err}
	}
	return os.NewFile(uintptr(fd), filepath.Dir(path)), nil
}

// setImmutable sets or clears what chattr +i does, and tells what it was. A file
// system without it is an error only for setting.
func setImmutable(path string, on bool) (was bool, err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	flags, err := unix.IoctlGetUint32(fd, unix.FS_IOC_GETFLAGS)
	if err != nil {
		if !on && (err == unix.ENOTTY || err == unix.EOPNOTSUPP) {
			return false, nil
		}
		return false, err
	}
	was = flags&immutable != 0
	if was == on {
		return was, nil
	}
	return was, unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, int(flags^immutable))
}
