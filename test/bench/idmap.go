// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// idmapped is a tree mounted elsewhere, its ids shifted.
type idmapped struct{ target string }

// mapIDs mounts tree on target; id 0 in it becomes base (mount_setattr(2)).
func mapIDs(tree, target string, base int) (*idmapped, error) {
	ns, err := userNamespace(base)
	if err != nil {
		return nil, fmt.Errorf("make user namespace: %w", err)
	}
	defer ns.Close()
	fd, err := unix.OpenTree(unix.AT_FDCWD, tree, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, &os.PathError{Op: "clone mount", Path: tree, Err: err}
	}
	defer unix.Close(fd)
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns.Fd())}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, attr); err != nil {
		return nil, &os.PathError{Op: "map ids of", Path: tree, Err: err}
	}
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return nil, &os.PathError{Op: "mount on", Path: target, Err: err}
	}
	return &idmapped{target}, nil
}

func (m *idmapped) unmount() error {
	if err := unix.Unmount(m.target, unix.MNT_DETACH); err != nil {
		return &os.PathError{Op: "unmount", Path: m.target, Err: err}
	}
	return nil
}

// userNamespace opens the namespace of a process that is only there to have it.
func userNamespace(base int) (*os.File, error) {
	cmd := exec.Command("sleep", "infinity")
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: base, Size: 65536}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids,
		GidMappingsEnableSetgroups: true, Pdeathsig: syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	return os.Open(fmt.Sprintf("/proc/%d/ns/user", cmd.Process.Pid))
}
