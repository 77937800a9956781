// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// PTYPeer opens the slave of a pseudo terminal by its master, whatever namespace it is in; Linux 4.13 or newer.
// flags are open(2)'s: without O_NOCTTY it may become the controlling terminal.
func PTYPeer(master, flags int) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, uintptr(flags))
	if errno != 0 {
		return -1, fmt.Errorf("open other end of terminal: %w", errno)
	}
	return int(fd), nil
}

// AsUser runs f on a thread of its own whose effective user and group are uid and gid; what f connects to sees these as its
// peer's. The thread ends with f. It has no capabilities then: what f needs beyond these ids must be open already.
func AsUser(uid, gid uint32, f func() error) error {
	return OnThread(func() error {
		// The raw calls change this thread only; x/sys's would change all.
		keep := ^uintptr(0)
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, keep, uintptr(gid), keep); e != 0 {
			return fmt.Errorf("setresgid %d: %w", gid, e)
		}
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(uid), keep); e != 0 {
			return fmt.Errorf("setresuid %d: %w", uid, e)
		}
		return f()
	})
}
