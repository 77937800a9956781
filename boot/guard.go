// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"machined-go/boot/handover"
	"machined-go/boot/sys"
)

// Guard sees to it that a machine whose root is the host's root cannot change the program that starts it.
//
// That is this program. What a machine executes first can be made to be /proc/self/exe, or have it for an interpreter, and so have the
// file on the host open (CVE-2019-5736); with a user namespace the kernel does not let it write there. So the process executes the
// program once more, from a mount of its own that is read-only and that no root inside can make anything else. It must not have
// changed anything by then, finds the manager again, and has stored again, the files which the service manager had kept.
func Guard(spec Spec, manager handover.Manager, stored map[string][]*os.File) error {
	const self = "/proc/self/exe"
	var st unix.Statfs_t
	privileged := spec.hostRoot() && UnderSystemd() // where it is not PID 1 there are no such machines
	if !privileged && (spec.Container == nil || !spec.Container.exposes()) {
		return nil
	}
	if err := unix.Statfs(self, &st); err != nil || st.Flags&unix.ST_RDONLY != 0 {
		return err
	}
	err := again(self, manager, stored)
	return fmt.Errorf("protect %s from a machine whose root is the host's: %w", os.Args[0], err)
}

// hostRoot tells whether the machine's root is the host's. A container's is not in this sense: its program is looked for without links
// of /proc, and one that has it for an interpreter finds nobody there who could make use of that, unless it exposes us.
func (s Spec) hostRoot() bool {
	return s.Container == nil && !s.Users.own()
}

// again executes what is at path from a read-only mount; it returns only if it cannot.
func again(path string, manager handover.Manager, stored map[string][]*os.File) error {
	file, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(file)
	mount, err := sys.CloneTree(file, false)
	if err != nil {
		return err
	}
	defer unix.Close(mount)
	if err := sys.SetMountAttr(mount, false, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return err
	}
	for _, f := range slices.Concat(slices.Collect(maps.Values(stored))...) {
		if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, 0); err != nil {
			return err
		}
	}
	return unix.Exec(sys.FDPath(mount), os.Args, append(os.Environ(), manager.Environ()...))
}
