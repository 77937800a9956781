// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"machined-go/boot/mount"
	"machined-go/boot/network"
	"machined-go/boot/sys"
)

// builder forks the leader and builds its root, both on one OS thread that has a mount namespace of its own. The leader is born
// into that namespace, so it wakes up in the finished root.
type builder struct {
	plan    *Plan
	word    word
	console string // path of the console's slave
	notify  int
	journal int             // 0 for none
	born    chan *sys.Child // gets the leader once its ids are mapped
	leader  *sys.Child
	home    *os.File // the mount namespace of the host
	// A container that has hooks makes use of the rest.
	tell, told *os.File     // the leader's report that it is set up, and where it is read
	work       chan func()  // what else is to be done on the thread
	finish     func() error // makes the root the root
	// released is closed when the leader runs or is not going to.
	released <-chan struct{}
}

// start builds in a goroutine and returns what waits for the root.
//
// Its thread is spoilt for anything else and ends with the goroutine. Two things make it stay a while. It keeps the mount
// namespace alive until the leader runs, for whoever leaves that last takes it down, and the leader has better things to do.
// And a leader in the foreground is to die with the process that started it, which the kernel ties to the forking *thread*
// (PR_SET_PDEATHSIG): that one has to outlive the leader.
func (b *builder) start() func() error {
	done := make(chan struct{})
	var err error
	go func() {
		err = b.build()
		close(done)
		b.serve()
		if err == nil && b.plan.foreground() {
			_ = sys.Join(int(b.home.Fd()), unix.CLONE_NEWNS)
			_ = b.leader.AwaitExit()
		}
		b.home.Close()
	}()
	return func() error {
		<-done
		return err
	}
}

func (b *builder) build() error {
	runtime.LockOSThread()
	leader, err := b.fork()
	if err != nil {
		close(b.born)
		return err
	}
	b.leader = leader
	b.born <- leader
	if b.plan.Spec.Container != nil {
		return b.buildContainer(leader)
	}
	if err := b.mounts(leader); err != nil {
		return err
	}
	return b.word.give()
}

func (b *builder) fork() (*sys.Child, error) {
	var err error
	if b.home, err = os.Open("/proc/thread-self/ns/mnt"); err != nil {
		return nil, err
	}
	if err := sys.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return nil, fmt.Errorf("make mount namespace: %w", err)
	}
	if b.plan.Spec.Container != nil {
		return b.forkContainer()
	}
	if err := sys.Propagate("/", unix.MS_PRIVATE); err != nil {
		return nil, err
	}
	if err := b.joinNetwork(); err != nil {
		return nil, err
	}
	flags := b.plan.namespaces()
	if !b.plan.foreground() {
		// A sibling of the starter, not its child: systemd waits only for main processes that are its own children.
		flags |= unix.CLONE_PARENT
	}
	prog, err := leaderProgram(b.plan, b.word)
	if err != nil {
		return nil, err
	}
	leader, err := sys.Fork(flags, 3, prog)
	if err != nil {
		return nil, err
	}
	if b.plan.IDs != nil {
		err = b.plan.IDs.Write(leader.PID)
	}
	if err != nil {
		return nil, errors.Join(err, end(leader))
	}
	return leader, nil
}

// end kills a leader that has not yet been let go, and reaps it unless it is the service manager's child.
func end(leader *sys.Child) error {
	leader.Kill()
	_, err := leader.Wait()
	if errors.Is(err, unix.ECHILD) {
		err = leader.AwaitExit()
	}
	return err
}

func (b *builder) mounts(leader *sys.Child) error {
	users := -1
	if b.plan.Spec.Users.own() {
		var err error
		if users, err = sys.UsersOf(leader.PID); err != nil {
			return fmt.Errorf("open user namespace of the machine: %w", err)
		}
		defer unix.Close(users)
	}
	pidfd := int(leader.PIDFD.Fd())
	if err := sys.Join(pidfd, unix.CLONE_NEWNET|unix.CLONE_NEWIPC|unix.CLONE_NEWPID); err != nil {
		return fmt.Errorf("join namespaces of the machine: %w", err)
	}
	if err := b.beginNetwork(); err != nil {
		return err
	}
	root := mount.NewRoot(mount.Inputs{Owner: b.plan.Base, Users: users, Proc: mountProc, Console: b.console, Notify: b.notify, Journal: b.journal,
		Devices: b.plan.disks})
	defer root.Close()
	if err := root.Apply(b.plan.Mounts); err != nil {
		return err
	}
	return sys.PivotTo(root.FD())
}

// joinNetwork has the leader born in a network namespace that exists, if it is to be in one.
func (b *builder) joinNetwork() error {
	path := b.plan.Network.Path
	if path == "" {
		return nil
	}
	ns, err := network.Namespace(path)
	if err != nil {
		return err
	}
	defer ns.Close()
	if err := sys.Join(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("join network namespace %q: %w", path, err)
	}
	return nil
}

// beginNetwork prepares a network namespace that is new. Who is in it may ping (systemd-nspawn 258): the default of distributions,
// all groups, is one that a user namespace cannot set.
func (b *builder) beginNetwork() error {
	if !b.plan.Network.Own {
		return nil
	}
	first, last := b.plan.Spec.Users.span(b.plan.Base)
	_ = sys.AllowPing(first, last) // a kernel without it has no ping either
	return sys.LoopbackUp()
}

// mountProc mounts proc on target. The kernel takes the PID namespace of the process that mounts, and the calling thread, which has
// joined the machine's, is itself only in it through its children (pid_namespaces(7)). It may be told to take that; where it cannot
// be, before Linux 6.17, a child mounts.
func mountProc(target int) error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if sys.Mount("proc", target, flags, "pidns=/proc/thread-self/ns/pid_for_children") == nil {
		return nil
	}
	prog := new(sys.Program)
	proc := prog.Path("proc")
	prog.Call("mount proc", unix.SYS_MOUNT, proc, prog.Path(sys.FDPath(target)), proc, flags, 0)
	return sys.Once(prog)
}
