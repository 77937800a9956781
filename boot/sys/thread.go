// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// OnThread runs f on a thread of its own, which ends with f: f may change what belongs to a thread (namespaces, ids), and nobody
// else runs on it later. It is never the first thread of the process, which cannot end and is what /proc/self shows.
func OnThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			done <- f() // never unlocked: the thread ends with this goroutine
			return
		}
		// Held here, the first thread cannot be what the next one gets.
		done <- OnThread(f)
		runtime.UnlockOSThread()
	}()
	return <-done
}

// InNetwork runs f in the network namespace that is open as ns, on the calling thread, which returns from there: that costs less than
// a new one.
func InNetwork(ns int, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if unix.Gettid() == unix.Getpid() { // the first one is what /proc/self shows
		return OnThread(func() error { return InNetwork(ns, f) })
	}
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open own network namespace: %w", err)
	}
	defer unix.Close(home)
	if err := Join(ns, unix.CLONE_NEWNET); err != nil {
		return err
	}
	defer func() {
		if err := Join(home, unix.CLONE_NEWNET); err != nil {
			panic(fmt.Sprintf("return to the own network namespace: %v", err)) // nothing may go on elsewhere
		}
	}()
	return f()
}

// InMounts runs f on a thread in the mount namespace of the process behind pidfd; Linux 5.8 or newer. Relative paths and /proc are
// the machine's there: f must work with descriptors.
func InMounts(pidfd int, f func() error) error {
	return OnThread(func() error {
		// setns(2) refuses a thread that shares its working directory with others.
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return fmt.Errorf("unshare working directory: %w", err)
		}
		if err := Join(pidfd, unix.CLONE_NEWNS); err != nil {
			return err
		}
		return f()
	})
}

// AsOwner runs f on a thread whose file system ids are uid and gid, and which keeps all capabilities: what f makes belongs to them.
// On an ID-mapped mount that is not a nicety: ids outside the mapping cannot make anything (EOVERFLOW).
func AsOwner(uid, gid uint32, f func() error) error {
	if uid == 0 && gid == 0 {
		return f()
	}
	return OnThread(func() error {
		_, _, _ = unix.RawSyscall(unix.SYS_SETFSGID, uintptr(gid), 0, 0)
		_, _, _ = unix.RawSyscall(unix.SYS_SETFSUID, uintptr(uid), 0, 0)
		// A file system id other than 0 took those that concern files (capabilities(7)).
		if err := raiseCapabilities(); err != nil {
			return err
		}
		return f()
	})
}
