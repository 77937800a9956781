// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"machined-go/boot/caps"
	"machined-go/boot/sys"
	"machined-go/boot/sys/entry"
)

// The leader, a machine's PID 1, is forked before its root exists, for that needs its namespaces. It does what it can beside the
// starter and twice waits on a pipe for a byte:
//
//	starter                          leader
//	fork ────────────────────────▶   session, signals, host name, capability bounds, filter
//	id maps, mounts
//	a byte ──────────────────────▶   become root, copy the mount namespace
//	veth, scope, registration,
//	MAINPID= to the service manager
//	a byte ──────────────────────▶   cgroup namespace, console, capabilities
//	report pipe closes ◀──────────   execute the init
//
// End of file instead of a byte means that the starter is dead: the leader exits. It is the service's main process before it
// executes the init, so there is no moment at which the starter's death would leave a machine that nobody watches, and none at
// which an init could end unseen. When the init cannot be executed, the leader waits until the starter has taken that back.

// word is the pipe on which the leader waits for the word to go on.
type word struct{ r, w *os.File }

func newWord() (word, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return word{}, fmt.Errorf("make start pipe: %w", err)
	}
	return word{r, w}, nil
}

func (w word) close() {
	w.r.Close()
	w.w.Close()
}

// give gives the word, and what the leader is to know besides.
func (w word) give(more ...byte) error {
	if _, err := w.w.Write(append([]byte{1}, more...)); err != nil {
		return fmt.Errorf("give word to leader: %w", err)
	}
	return nil
}

// leaderProgram is what the leader does, as system calls.
func leaderProgram(p *Plan, w word) (*sys.Program, error) {
	prog := new(sys.Program)
	prog.Linger(w.r.Fd())
	prog.Call("close start pipe", unix.SYS_CLOSE, w.w.Fd())
	prepare(prog, p)
	if p.filtersEarly() {
		filter(prog, p)
	}
	prog.Await("wait for the root", w.r.Fd())
	enterRoot(prog)
	if p.foreground() {
		dieWithStarter(prog, w)
	}
	prog.Await("wait for the starter", w.r.Fd())
	enterCgroup(prog)
	standardStreams(prog, p)
	user := new(handedAccount)
	var env []uintptr
	if p.Spec.hasUser() {
		env = user.become(prog, p, w.r.Fd())
		if p.foreground() {
			dieWithStarter(prog, w)
		}
	}
	workingDirectory(prog, p, user)
	if p.Personality != nil {
		prog.Call("set personality "+p.Spec.Personality, unix.SYS_PERSONALITY, *p.Personality)
	}
	restrict(prog, p)
	if !p.filtersEarly() {
		filter(prog, p)
	}
	if p.Spec.StubInit {
		if err := prog.Init(); err != nil {
			return nil, err
		}
		if p.Spec.Terminal {
			takeTerminal(prog)
		}
	}
	// Nobody but the leader is in its namespaces until it executes; an init of ours stays, and the score counts for memory.
	if !p.Spec.StubInit && p.Spec.Limits.OOMScoreAdjust == nil {
		prog.Borrow()
	}
	return prog.Exec(p.Path, p.Argv, p.Env, env...), nil
}

// dieWithStarter comes after each change of user, for that has the kernel forget it.
func dieWithStarter(prog *sys.Program, w word) {
	prog.Call("die with the starter", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
	prog.Attended("see the starter alive", w.r.Fd())
}

// prepare does what needs neither root nor cgroup.
func prepare(prog *sys.Program, p *Plan) {
	name := p.Hostname()
	prog.Call("set host name", unix.SYS_SETHOSTNAME, prog.Path(name), uintptr(len(name)))
	prog.Try("leave the caller's session keyring", unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, 0)
	prog.Call("start a session", unix.SYS_SETSID)
	reset(prog, p.held()...)
	dropBounding(prog, p)
}

func dropBounding(prog *sys.Program, p *Plan) {
	for c := range caps.Cap(64) {
		if caps.All.Has(c) && !p.Caps.Has(c) {
			prog.Try(fmt.Sprintf("drop capability %d", c), unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(c))
		}
	}
}

// enterRoot becomes the machine's root user and copies the finished mount namespace, which makes the machine's user namespace
// own the copy and locks every mount in it.
func enterRoot(prog *sys.Program) {
	root := prog.Path("/")
	becomeRoot(prog)
	// Until its program runs nobody inside may look into the leader, which has the starter's memory.
	prog.Call("hide from others", unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0)
	prog.Call("make mount namespace", unix.SYS_UNSHARE, unix.CLONE_NEWNS)
	prog.Call("change directory to /", unix.SYS_CHDIR, root)
	prog.Call("share mounts within the machine", unix.SYS_MOUNT, 0, root, 0, unix.MS_SHARED|unix.MS_REC, 0)
}

func becomeRoot(prog *sys.Program) {
	prog.Call("become group root of the machine", unix.SYS_SETRESGID, 0, 0, 0)
	prog.Call("drop supplementary groups", unix.SYS_SETGROUPS, 0, 0)
	prog.Call("become root of the machine", unix.SYS_SETRESUID, 0, 0, 0)
}

// enterCgroup is possible only once the scope is there.
func enterCgroup(prog *sys.Program) {
	const cgroup = "/sys/fs/cgroup"
	cgroup2 := prog.Path("cgroup2")
	prog.Call("make cgroup namespace", unix.SYS_UNSHARE, unix.CLONE_NEWCGROUP)
	prog.Call("mount cgroup2 on "+cgroup, unix.SYS_MOUNT, cgroup2, prog.Path(cgroup), cgroup2,
		unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, 0)
}

func standardStreams(prog *sys.Program, p *Plan) {
	if p.Spec.Terminal {
		for fd := range uintptr(3) {
			prog.Try("close stream", unix.SYS_CLOSE, fd)
		}
		prog.Call("open /dev/console", unix.SYS_OPENAT, sys.CWD, prog.Path("/dev/console"), unix.O_RDWR)
		prog.Call("make /dev/console standard output", unix.SYS_DUP3, 0, 1, 0)
		prog.Call("make /dev/console standard error", unix.SYS_DUP3, 0, 2, 0)
		if !p.Spec.StubInit { // whose child has a session of its own
			takeTerminal(prog)
		}
	}
}

func takeTerminal(prog *sys.Program) {
	prog.Try("make /dev/console the controlling terminal", unix.SYS_IOCTL, 0, unix.TIOCSCTTY, 0)
}

// workingDirectory leaves a command in / when its user has no home.
func workingDirectory(prog *sys.Program, p *Plan, user *handedAccount) {
	switch dir := p.Spec.WorkingDirectory; {
	case dir != "":
		prog.ChangeDirectory("change directory to "+dir, prog.Path(dir), false)
	case p.Spec.hasUser():
		prog.ChangeDirectory("change directory to the user's home", sys.Pointer(prog, &user.home[len("HOME=")]), true)
	case len(p.Spec.Command) > 0:
		prog.ChangeDirectory("change directory to /root", prog.Path("/root"), true)
	}
}

// held are the signals that are kept for an init until it comes to them. PID 1 does not get a signal for which it has no handler yet,
// so an order to stop in the first moments of a boot would be lost. For a systemd it is blocked, and so kept until systemd, which
// reads its signals from a descriptor, comes to that.
func (p *Plan) held() []unix.Signal {
	if !p.Systemd && !p.Spec.StubInit {
		return nil
	}
	return []unix.Signal{StopSignal, p.Spec.endSignal()}
}

// reset undoes what a program inherits: signals that were ignored or blocked, but those that are held, the file creation mask, and that
// our timers are coarse.
func reset(prog *sys.Program, held ...unix.Signal) {
	const signals, setSize = 64, 8
	deflt := prog.Bytes(make([]byte, 32)) // struct kernel_sigaction, all zero: SIG_DFL
	for sig := uintptr(1); sig <= signals; sig++ {
		prog.Try("reset signal", unix.SYS_RT_SIGACTION, sig, deflt, 0, setSize)
	}
	var mask uint64
	for _, sig := range held {
		mask |= 1 << (sig - 1)
	}
	blocked := binary.NativeEndian.AppendUint64(nil, mask)
	prog.Call("unblock signals", unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, prog.Bytes(blocked), 0, setSize)
	prog.Call("set file creation mask", unix.SYS_UMASK, 0o022)
	prog.Try("set timer slack", unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, entry.TimerSlack())
}

// restrict limits the leader to the machine's capabilities, for good.
//
// Without CAP_SYS_ADMIN the kernel takes no filter, unless nobody can gain privileges; a leader that is to lose it keeps it until
// then, and it goes with execve, for it is neither in the bounding set nor inheritable nor ambient.
func restrict(prog *sys.Program, p *Plan) {
	if p.Spec.Security.NoNewPrivileges {
		prog.Call("forgo new privileges", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	}
	keep, inherit := p.Caps, p.Caps
	if p.Spec.hasUser() {
		inherit = p.Ambient
	}
	forFilter := keep.Add(unix.CAP_SYS_ADMIN)
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := &[2]unix.CapUserData{}
	for i := range data {
		held, handed := uint32(forFilter>>(32*i)), uint32(inherit>>(32*i))
		data[i] = unix.CapUserData{Effective: held, Permitted: held, Inheritable: handed}
	}
	prog.Call("set capabilities", unix.SYS_CAPSET, sys.Pointer(prog, header), sys.Pointer(prog, data))
	for _, c := range p.Ambient.List() {
		prog.Call("keep capability "+caps.Name(c), unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(c))
	}
}

// filtersEarly tells whether the leader takes the system call filter while its root is being made. What a leader calls is granted
// to every machine; where calls are denied, it takes the filter last.
func (p *Plan) filtersEarly() bool { return len(p.Policy.Deny) == 0 }

// filter installs the system call filter, for good.
func filter(prog *sys.Program, p *Plan) {
	program := &unix.SockFprog{Len: uint16(len(p.Filter)), Filter: &p.Filter[0]}
	prog.Call("install system call filter", unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, sys.Pointer(prog, program))
}
