// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Places of every host that something can be mounted on, in a mount namespace that nobody else sees.
const (
	anchorDir  = "/run"
	anchorFile = "/etc/machine-id"
)

// AttachLocked puts the detached mount tree on top of dest, in the mount namespace of the process behind pidfd, so that its
// attributes are locked: root of that process's user namespace cannot make it writable again (mount_namespaces(7), "Restrictions").
//
// The kernel locks attributes when mounts are copied for a less privileged owner and at no other time. So the tree is mounted in a
// mount namespace made for this, a child that joins the user namespace gets its own copy of all that, and takes the tree from there.
func AttachLocked(tree int, directory bool, pidfd, dest int) error {
	return OnThread(func() error {
		if err := Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			return err
		}
		if err := Propagate("/", unix.MS_PRIVATE); err != nil {
			return err
		}
		anchor := anchorFile
		if directory {
			anchor = anchorDir
		}
		at, err := unix.Open(anchor, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open %q: %w", anchor, err)
		}
		defer unix.Close(at)
		if err := Attach(tree, at); err != nil {
			return err
		}
		child, err := Fork(0, 3, lockProgram(anchor, pidfd, dest))
		if err != nil {
			return err
		}
		defer child.PIDFD.Close()
		err = child.Running()
		if _, waitErr := child.Wait(); err == nil {
			err = waitErr
		}
		return err
	})
}

// lockProgram is what the child does. It closes its standard input so that the tree it opens has the number 0.
func lockProgram(anchor string, pidfd, dest int) *Program {
	const openTree = unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC
	p := new(Program)
	here, empty, path := CWD, p.Path(""), p.Path(anchor)
	attr := Pointer(p, &unix.MountAttr{Propagation: unix.MS_PRIVATE})
	p.Call("join users", unix.SYS_SETNS, uintptr(pidfd), unix.CLONE_NEWUSER)
	p.Call("copy mounts", unix.SYS_UNSHARE, unix.CLONE_NEWNS)
	p.Try("close standard input", unix.SYS_CLOSE, 0)
	p.Call("take the mount", unix.SYS_OPEN_TREE, here, path, openTree)
	p.Call("make the mount private", unix.SYS_MOUNT_SETATTR, 0, empty, unix.AT_EMPTY_PATH, attr, unsafe.Sizeof(unix.MountAttr{}))
	p.Call("join mounts", unix.SYS_SETNS, uintptr(pidfd), unix.CLONE_NEWNS)
	p.Call("move_mount", unix.SYS_MOVE_MOUNT, 0, empty, uintptr(dest), empty, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	return p.Call("exit", unix.SYS_EXIT_GROUP, 0)
}
