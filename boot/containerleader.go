// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"encoding/binary"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"machined-go/boot/caps"
	"machined-go/boot/sys"
)

// joined are namespaces that only a process with one thread can join.
type joined struct {
	users, time *os.File
	proc        *os.File // the host's /proc; nil if it is not needed
}

func (j joined) close() {
	for _, f := range []*os.File{j.users, j.time, j.proc} {
		if f != nil {
			f.Close()
		}
	}
}

// containerProgram is leaderProgram of a container. Where hooks are to run in it before its program does, it says on tell that it is
// all set up but for its rights, and waits for a third byte.
func containerProgram(p *Plan, w word, j joined, tell *os.File) *sys.Program {
	c := p.Spec.Container
	prog := new(sys.Program)
	prog.Linger(w.r.Fd())
	prog.Call("close start pipe", unix.SYS_CLOSE, w.w.Fd())
	prog.Try("leave the caller's session keyring", unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0)
	prog.Call("start a session", unix.SYS_SETSID)
	reset(prog)
	labels := openLabels(prog, c.Rights, j.proc)
	if j.time != nil {
		prog.Call("join time namespace", unix.SYS_SETNS, j.time.Fd(), unix.CLONE_NEWTIME)
	}
	if j.users != nil {
		prog.Call("join user namespace", unix.SYS_SETNS, j.users.Fd(), unix.CLONE_NEWUSER)
	}
	nameContainer(prog, p)
	prog.Await("wait for the root", w.r.Fd())
	enterContainerRoot(prog, p)
	if p.foreground() {
		prog.Call("die with the starter", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
		prog.Attended("see the starter alive", w.r.Fd())
	}
	prog.Await("wait for the starter", w.r.Fd())
	enterContainerCgroup(prog, c)
	if tell != nil {
		prog.Call("report", unix.SYS_WRITE, tell.Fd(), prog.Bytes([]byte{1}), 1)
		prog.Await("wait for the hooks", w.r.Fd())
	}
	if p.Spec.Terminal {
		openConsole(prog)
	}
	become(prog, c.Process, c.Rights.Bounding)
	labels.write(prog, c.Rights)
	if p.foreground() { // the change of user had the kernel forget it
		prog.Call("die with the starter", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
		prog.Attended("see the starter alive", w.r.Fd())
	}
	confine(prog, c.Rights, c.Process.Dir)
	return prog.ExecFirst("execute "+p.Path, p.paths(), p.Argv, p.Env)
}

func nameContainer(prog *sys.Program, p *Plan) {
	if name := p.Spec.Hostname; name != "" {
		prog.Call("set host name", unix.SYS_SETHOSTNAME, prog.Path(name), uintptr(len(name)))
	}
	if name := p.Spec.Container.Domain; name != "" {
		prog.Call("set domain name", unix.SYS_SETDOMAINNAME, prog.Path(name), uintptr(len(name)))
	}
}

// enterContainerRoot is enterRoot of a container, which may be without a user namespace: then there is nothing to copy the mounts for.
// Until its program runs nobody may look into the leader, which is still a copy of us.
func enterContainerRoot(prog *sys.Program, p *Plan) {
	c, root := p.Spec.Container, prog.Path("/")
	prog.Call("hide from others", unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0)
	if c.Users != nil {
		prog.Call("become group root of the machine", unix.SYS_SETRESGID, 0, 0, 0)
		prog.Call("drop supplementary groups", unix.SYS_SETGROUPS, 0, 0)
		prog.Call("become root of the machine", unix.SYS_SETRESUID, 0, 0, 0)
		prog.Call("make mount namespace", unix.SYS_UNSHARE, unix.CLONE_NEWNS)
	}
	prog.Call("change directory to /", unix.SYS_CHDIR, root)
	if c.Spread&^unix.MS_REC == unix.MS_SHARED || c.Spread&^unix.MS_REC == unix.MS_UNBINDABLE {
		prog.Call("spread mounts", unix.SYS_MOUNT, 0, root, 0, c.Spread, 0)
	}
}

func enterContainerCgroup(prog *sys.Program, c *Container) {
	if c.makes(unix.CLONE_NEWCGROUP) {
		prog.Call("make cgroup namespace", unix.SYS_UNSHARE, unix.CLONE_NEWCGROUP)
	}
	cgroup2 := prog.Path("cgroup2")
	for _, m := range c.Cgroups {
		prog.Call("mount cgroup2 on "+m.Target, unix.SYS_MOUNT, cgroup2, prog.Path(m.Target), cgroup2, m.Flags, 0)
	}
}

// openConsole is what standardStreams does with a terminal.
func openConsole(prog *sys.Program) {
	for fd := range uintptr(3) {
		prog.Try("close stream", unix.SYS_CLOSE, fd)
	}
	prog.Call("open /dev/console", unix.SYS_OPENAT, sys.CWD, prog.Path("/dev/console"), unix.O_RDWR)
	prog.Call("make /dev/console standard output", unix.SYS_DUP3, 0, 1, 0)
	prog.Call("make /dev/console standard error", unix.SYS_DUP3, 0, 2, 0)
	prog.Try("make /dev/console the controlling terminal", unix.SYS_IOCTL, 0, unix.TIOCSCTTY, 0)
}

// become makes the process the user that a container's program runs as, who keeps the capabilities for confine to take.
func become(prog *sys.Program, who Process, bounding caps.Set) {
	for c := range caps.Cap(64) {
		if caps.All.Has(c) && !bounding.Has(c) {
			prog.Try(fmt.Sprintf("drop capability %d", c), unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(c))
		}
	}
	groups := make([]byte, 4*len(who.Groups))
	for i, g := range who.Groups {
		binary.NativeEndian.PutUint32(groups[4*i:], g)
	}
	uid, gid := uintptr(who.UID), uintptr(who.GID)
	prog.Call("keep capabilities", unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, 1)
	prog.Call("set supplementary groups", unix.SYS_SETGROUPS, uintptr(len(who.Groups)), prog.Bytes(groups))
	prog.Call(fmt.Sprintf("become group %d", who.GID), unix.SYS_SETRESGID, gid, gid, gid)
	prog.Call(fmt.Sprintf("become user %d", who.UID), unix.SYS_SETRESUID, uid, uid, uid)
	prog.Call("set file creation mask", unix.SYS_UMASK, uintptr(who.Umask))
	if who.Personality != nil {
		prog.Call("set personality", unix.SYS_PERSONALITY, uintptr(*who.Personality))
	}
}

// confine takes away what the container's program may not do. The filter comes last, for it may forbid what goes before. Without
// CAP_SYS_ADMIN it can be installed only if new privileges are forgone, so that is kept up to then; execve computes what is
// permitted anew and takes it.
func confine(prog *sys.Program, r Rights, dir string) {
	if len(r.Filter) > 0 && !r.NoNewPrivileges {
		r.Effective, r.Permitted = r.Effective.Add(unix.CAP_SYS_ADMIN), r.Permitted.Add(unix.CAP_SYS_ADMIN)
	}
	setCaps(prog, r)
	// Not by a path of /proc that leads to what we have open, and so out of the container.
	how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS}
	step := "change directory to " + dir
	fd := prog.Fetch(step, unix.SYS_OPENAT2, sys.CWD, prog.Path(dir), sys.Pointer(prog, how), unsafe.Sizeof(*how))
	prog.CallOn(fd, step, unix.SYS_FCHDIR)
	for _, c := range r.Ambient.List() {
		prog.Try("keep capability "+caps.Name(c), unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(c))
	}
	if r.NoNewPrivileges {
		prog.Call("forgo new privileges", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	}
	if len(r.Filter) == 0 {
		return
	}
	filter := &unix.SockFprog{Len: uint16(len(r.Filter)), Filter: &r.Filter[0]}
	prog.Call("install system call filter", unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, r.FilterFlags, sys.Pointer(prog, filter))
}

func setCaps(prog *sys.Program, r Rights) {
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := &[2]unix.CapUserData{}
	for i := range data {
		data[i] = unix.CapUserData{
			Effective: uint32(r.Effective >> (32 * i)), Permitted: uint32(r.Permitted >> (32 * i)), Inheritable: uint32(r.Inheritable >> (32 * i)),
		}
	}
	prog.Call("set capabilities", unix.SYS_CAPSET, sys.Pointer(prog, header), sys.Pointer(prog, data))
}
