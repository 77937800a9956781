// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// UsersOwner is the user who made a user namespace; fd is its file in /proc. Linux 4.11 or newer.
func UsersOwner(fd int) (uint32, error) {
	const nsGetOwnerUID = 0xb704 // linux/nsfs.h
	var uid uint32
	if err := ioctl(fd, nsGetOwnerUID, unsafe.Pointer(&uid)); err != nil {
		return 0, fmt.Errorf("read owner of user namespace: %w", err)
	}
	return uid, nil
}

// UsersOf opens the user namespace of a process.
func UsersOf(pid int) (int, error) {
	return unix.Open(fmt.Sprintf("/proc/%d/ns/user", pid), unix.O_RDONLY|unix.O_CLOEXEC, 0)
}
