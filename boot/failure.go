// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Failure is a boot that came to nothing: at which step, and why.
type Failure struct {
	Machine, Step string
	Err           error
}

func (f *Failure) Error() string {
	text := fmt.Sprintf("start machine %q: %s: %v", f.Machine, f.Step, f.Err)
	if hint := f.Hint(); hint != "" {
		text += ": " + hint
	}
	return text
}

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Path is the file that the failing call was about, or empty.
func (f *Failure) Path() string {
	var path *fs.PathError
	if errors.As(f.Err, &path) {
		return path.Path
	}
	return ""
}

// Errno is the kernel's error number, or 0 if it was not the kernel that refused.
func (f *Failure) Errno() unix.Errno {
	var errno unix.Errno
	_ = errors.As(f.Err, &errno)
	return errno
}

// hints say what to do about what the kernel refused. What a step has to say by itself needs none.
var hints = map[unix.Errno]string{
	unix.ENOSPC: "see `df -h` and `df -i` for what is full, and /proc/sys/user/ for limits on namespaces and mounts",
	unix.EDQUOT: "see `quota -v` for what is used up",
	unix.EMFILE: "raise the limit on open files (LimitNOFILE=), or fs.inotify.max_user_instances (sysctl)",
	unix.ENFILE: "raise fs.file-max (sysctl)",
	unix.ENOMEM: "see `free -h`, and the limits of the machine's slice",
	unix.EUSERS: "raise user.max_user_namespaces (sysctl)",
	unix.EAGAIN: "raise kernel.pid_max or TasksMax= of the unit that starts it",
	unix.EPERM:  "a security module or the container that this host runs in refuses it: see `journalctl -k -g 'apparmor|audit|selinux'`",
	unix.ELOOP:  "symbolic links in the tree lead in a circle",
	unix.EROFS:  "make the file system writable, or start the machine read-only",
	unix.ENOSYS: "the kernel is too old: 6.1 is needed",
	unix.ENODEV: "the kernel has no such file system: see `modprobe`",
}

// Hint is what to do about it, or empty if the cause says that itself.
func (f *Failure) Hint() string { return hints[f.Errno()] }
