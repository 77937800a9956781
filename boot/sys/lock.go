// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrLocked says that somebody else holds a lock.
var ErrLocked = errors.New("locked by somebody else")

// Locker is a function as Lock is, which may do something first.
type Locker func(path string, exclusive bool) (*os.File, error)

// Lock opens (making it if need be) and locks the file at path as systemd's src/basic/lock-util.c does: an open file description
// lock (Linux 3.15), which lives as long as any copy of the descriptor, in whatever process or fd store. It returns ErrLocked
// instead of waiting. A file removed between open and lock is opened anew.
func Lock(path string, exclusive bool) (*os.File, error) {
	return lock(path, exclusive, unix.F_OFD_SETLK)
}

// AwaitLock is Lock, exclusive, of a file that nobody removes, but waits. Who waited longest is next.
func AwaitLock(path string) (*os.File, error) { return lock(path, true, unix.F_OFD_SETLKW) }

func lock(path string, exclusive bool, command int) (*os.File, error) {
	kind := int16(unix.F_RDLCK)
	if exclusive {
		kind = unix.F_WRLCK
	}
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NOCTTY, 0o600)
		if err != nil {
			return nil, err
		}
		lock := unix.Flock_t{Type: kind, Whence: io.SeekStart}
		if err := unix.FcntlFlock(f.Fd(), command, &lock); err != nil {
			f.Close()
			if err == unix.EINTR {
				continue
			}
			if err == unix.EAGAIN || err == unix.EACCES {
				return nil, ErrLocked
			}
			return nil, &os.PathError{Op: "lock", Path: path, Err: err}
		}
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Nlink > 0 {
			return f, err
		}
		f.Close()
	}
}
