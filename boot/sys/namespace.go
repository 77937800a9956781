// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Unshare gives the calling thread namespaces of its own. The thread must be locked, and never unlocked again.
func Unshare(flags int) error {
	if err := unix.Unshare(flags); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	return nil
}

// Join moves the calling thread into the namespaces (CLONE_NEW… flags) of the process behind pidfd; Linux 5.8 or newer.
// CLONE_NEWPID concerns the thread's future children. The thread must be locked, and never unlocked again.
func Join(pidfd int, flags int) error {
	if err := unix.Setns(pidfd, flags); err != nil {
		return fmt.Errorf("setns: %w", err)
	}
	return nil
}

// AsFileOwner runs f with the file system ids of the calling (locked) thread set to id, so that what f creates belongs to it.
// On an ID-mapped mount that is not a nicety: an owner outside the mapping cannot create anything (EOVERFLOW).
func AsFileOwner(id uint32, f func() error) error {
	if id == 0 {
		return f()
	}
	setFSIDs(id)
	defer setFSIDs(0)
	return f()
}

// AsCapableFileOwner is [AsFileOwner] with all capabilities that concern files, which other file system ids than 0 take away
// (capabilities(7)).
func AsCapableFileOwner(id uint32, f func() error) error {
	if id == 0 {
		return f()
	}
	setFSIDs(id)
	defer setFSIDs(0) // which gives what is taken here back
	if err := raiseCapabilities(); err != nil {
		return err
	}
	return f()
}

// raiseCapabilities makes the calling thread's permitted capabilities effective.
func raiseCapabilities() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	for i := range data {
		data[i].Effective = data[i].Permitted
	}
	if err := unix.Capset(&head, &data[0]); err != nil {
		return fmt.Errorf("capset: %w", err)
	}
	return nil
}

// Permitted are the capabilities that the calling thread may have, bit N for capability N.
func Permitted() (uint64, error) {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil {
		return 0, fmt.Errorf("capget: %w", err)
	}
	return uint64(data[0].Permitted) | uint64(data[1].Permitted)<<32, nil
}

// setFSIDs uses the raw calls: x/sys and the run-time would change every thread of the process.
func setFSIDs(id uint32) {
	_, _, _ = unix.RawSyscall(unix.SYS_SETFSGID, uintptr(id), 0, 0)
	_, _, _ = unix.RawSyscall(unix.SYS_SETFSUID, uintptr(id), 0, 0)
}
