// SPDX-License-Identifier: Apache-2.0

package mount

import "golang.org/x/sys/unix"

// hidden is where proc and sysfs are once more, whole, for machines that run containers.
const hidden = "/run/host/nesting"

// pristine mounts proc and sysfs without masks. In a user namespace the kernel lets nobody mount a new one unless the mount namespace has one of
// the kind that nothing is mounted over (mount_too_revealing in Linux' fs/namespace.c). It does not ask whether one can get at that:
// these lie in a directory of the host's root, who is nobody inside, which nobody there can enter.
func pristine() []Op {
	return []Op{
		Dir{Path: hidden, Mode: 0o700, HostOwned: true},
		Dir{Path: hidden + "/proc", Mode: 0o700, HostOwned: true},
		Dir{Path: hidden + "/sys", Mode: 0o700, HostOwned: true},
		Proc{hidden + "/proc"},
		FS{Type: "sysfs", Target: hidden + "/sys", Flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC},
	}
}
