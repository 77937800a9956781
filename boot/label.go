// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"os"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// labels are the files by which a process says what the kernel's security modules shall think of the program it executes.
type labels struct{ apparmor, selinux *uintptr }

// openLabels opens them below the host's /proc, for what is at /proc in the container's root could be anything.
func openLabels(prog *sys.Program, r Rights, proc *os.File) (l labels) {
	open := func(step, path string) *uintptr {
		return prog.Fetch(step, unix.SYS_OPENAT, proc.Fd(), prog.Path(path), unix.O_WRONLY|unix.O_CLOEXEC)
	}
	if r.AppArmor != "" {
		l.apparmor = open("open the process's AppArmor attribute", "self/attr/apparmor/exec")
	}
	if r.SELinux != "" {
		l.selinux = open("open the process's SELinux attribute", "self/attr/exec")
	}
	return l
}

// write says it. It counts from the next execve on.
func (l labels) write(prog *sys.Program, r Rights) {
	put := func(fd *uintptr, step, text string) {
		if fd != nil {
			prog.CallOn(fd, step, unix.SYS_WRITE, prog.Bytes([]byte(text)), uintptr(len(text)))
		}
	}
	put(l.apparmor, "ask for AppArmor profile "+r.AppArmor, "exec "+r.AppArmor)
	put(l.selinux, "ask for SELinux label "+r.SELinux, r.SELinux)
}

// labelled tells whether there is anything to say.
func (r Rights) labelled() bool { return r.AppArmor != "" || r.SELinux != "" }
