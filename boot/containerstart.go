// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// containerSteps are steps of a container. Hooks come in where the specification has them (runtime.md, "Lifecycle").
var containerSteps = []step{
	{"watch over hooks", (*start).watchHooks},
	{"make leader", (*start).makeLeader},
	{"set limits", (*start).setLimits},
	{"set up process", (*start).setUpProcess},
	{"connect network", (*start).connect},
	{"make scope", (*start).makeScope},
	{"connect network", (*start).awaitNetwork},
	{"make root", (*start).finishRoot},
	{"hand over", (*start).handOver},
	{"start container", (*start).runStartHooks},
	{"register", (*start).register},
	{"execute program", (*start).letGo},
	{"tell hooks of the start", (*start).runPoststart},
}

// watchHooks has the last hooks run, should the start fail after the first ones have: when all else is undone.
func (s *start) watchHooks(ctx context.Context) (func(), error) {
	return func() {
		if s.hooked {
			s.runPoststop(ctx, s.plan)
		}
	}, nil
}

// runPoststop runs the hooks that come when the container is no more; that one fails is a warning.
func (s *Starter) runPoststop(ctx context.Context, p *Plan) {
	c := p.Spec.Container
	for _, h := range c.Hooks.Poststop {
		if err := h.run(context.WithoutCancel(ctx), c.Bundle, p.state(statusStopped, 0)); err != nil && s.Warn != nil {
			s.Warn(err)
		}
	}
}

// setUpProcess sets what only another process can, or may, set for the leader.
func (s *start) setUpProcess(context.Context) (func(), error) {
	pid, p := s.leader.PID, s.plan.Spec.Container.Process
	if p.OOMScore != nil {
		name := fmt.Sprintf("/proc/%d/oom_score_adj", pid)
		if err := os.WriteFile(name, []byte(strconv.Itoa(*p.OOMScore)), 0); err != nil {
			return nil, fmt.Errorf("set OOM score to %d: %w", *p.OOMScore, errors.Unwrap(err))
		}
	}
	if p.Scheduler != nil {
		if err := unix.SchedSetAttr(pid, p.Scheduler, 0); err != nil {
			return nil, fmt.Errorf("set scheduler: %w", err)
		}
	}
	if p.IOPriority != nil {
		if err := sys.SetIOPriority(pid, *p.IOPriority); err != nil {
			return nil, err
		}
	}
	return nil, s.ownStreams()
}

// ownStreams gives the pipes that are the program's streams to its user, who could not open them by name otherwise (/dev/stdout). The
// files that the caller may have there instead stay whose they are.
func (s *start) ownStreams() error {
	uid, _ := s.plan.IDs.User(s.plan.Spec.Container.Process.UID)
	if uid == 0 || s.plan.Spec.Terminal {
		return nil
	}
	return s.giveStreams(int(uid))
}

// ownConsole gives the console to the container's user, and the size that is asked for.
func (s *start) ownConsole() error {
	c := s.plan.Spec.Container
	uid, _ := s.plan.IDs.User(c.Process.UID)
	gid, ok := s.plan.IDs.Group(ttyGroup)
	if !ok {
		gid = s.plan.Base
	}
	if err := os.Chown(s.console.Slave, int(uid), int(gid)); err != nil {
		return fmt.Errorf("give console to machine: %w", err)
	}
	if c.Terminal != (TerminalSize{}) {
		size := &unix.Winsize{Col: c.Terminal.Width, Row: c.Terminal.Height}
		if err := unix.IoctlSetWinsize(int(s.console.Master.Fd()), unix.TIOCSWINSZ, size); err != nil {
			return fmt.Errorf("set size of console: %w", err)
		}
	}
	return os.Chmod(s.console.Slave, 0o620)
}

// ttyGroup is group "tty" of every distribution.
const ttyGroup = 5

// finishRoot waits for the root, and runs the hooks that come before it becomes one.
func (s *start) finishRoot(ctx context.Context) (func(), error) {
	if err := s.root(); err != nil {
		return nil, err
	}
	c := s.plan.Spec.Container
	if !c.Hooks.early() {
		return nil, nil
	}
	s.hooked = true
	for _, hooks := range [][]Hook{c.Hooks.Prestart, c.Hooks.CreateRuntime} {
		if err := runHooks(ctx, hooks, c.Bundle, s.plan.state(statusCreating, s.leader.PID)); err != nil {
			return nil, err
		}
	}
	return nil, s.builder.onThread(func() error {
		for _, h := range c.Hooks.CreateContainer {
			if err := h.runInside(s.plan.state(statusCreating, s.insidePID()), s.enterForCreate); err != nil {
				return err
			}
		}
		return s.builder.finish()
	})
}

// insidePID is the leader's number in the container's own PID namespace.
func (s *start) insidePID() int {
	if s.plan.Spec.Container.makes(unix.CLONE_NEWPID) {
		return 1
	}
	return s.leader.PID
}

// enterForCreate has nothing to enter: the builder's thread is in the container's namespaces, and the hook is to find the host's
// programs still. It stays the host's root, for the mounts that such hooks make are in a namespace that the host owns.
func (s *start) enterForCreate(prog *sys.Program) error {
	prog.Call("change directory to the bundle", unix.SYS_CHDIR, prog.Path(s.plan.Spec.Container.Bundle))
	return nil
}

// runStartHooks lets the leader set itself up but for its rights, then runs the container's own hooks beside it, with these rights.
func (s *start) runStartHooks(context.Context) (func(), error) {
	c := s.plan.Spec.Container
	if len(c.Hooks.StartContainer) == 0 {
		return nil, nil
	}
	s.hooked = true
	if err := s.handed(); err != nil {
		return nil, err
	}
	if err := s.word.give(); err != nil {
		return nil, err
	}
	if err := s.awaitSetUp(); err != nil {
		return nil, err
	}
	// The thread does not see the host's files any more.
	dir, err := cgroupOf(s.leader.PID)
	if err != nil {
		return nil, err
	}
	procs, err := os.OpenFile(filepath.Join(dir, "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer procs.Close()
	enter := func(prog *sys.Program) error { return s.enterForStart(prog, procs) }
	return nil, s.builder.onThread(func() error {
		for _, h := range c.Hooks.StartContainer {
			if err := h.runInside(s.plan.state(statusCreated, s.insidePID()), enter); err != nil {
				return err
			}
		}
		return nil
	})
}

// awaitSetUp waits for the leader's report, or its failure.
func (s *start) awaitSetUp() error {
	s.running = inBackground(func() (struct{}, error) { return struct{}{}, s.leader.Running() })
	told, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		_, _ = s.builder.told.Read(make([]byte, 1))
		close(told)
	}()
	go func() {
		_, err := s.running()
		failed <- err
	}()
	select {
	case <-told:
		return nil
	case err := <-failed:
		return err
	}
}

// enterForStart makes a process one of the container's, which may do what the container's program may.
func (s *start) enterForStart(prog *sys.Program, procs *os.File) error {
	c := s.plan.Spec.Container
	prog.Call("enter cgroup", unix.SYS_WRITE, procs.Fd(), prog.Bytes([]byte("0")), 1)
	flags := unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP
	if c.Users != nil {
		flags |= unix.CLONE_NEWUSER
	}
	prog.Call("enter the machine", unix.SYS_SETNS, s.leader.PIDFD.Fd(), uintptr(flags))
	become(prog, c.Process, c.Rights.Bounding)
	confine(prog, c.Rights, "/")
	return nil
}

func (s *start) runPoststart(ctx context.Context) (func(), error) {
	c := s.plan.Spec.Container
	s.hooked = true
	return nil, runHooks(ctx, c.Hooks.Poststart, c.Bundle, s.plan.state(statusRunning, s.leader.PID))
}

// grace is how long a container's program may take to heed the signal that asks it to end.
const grace = 10 * time.Second

// askContainerToEnd asks politely, for a while.
func (m *Machine) askContainerToEnd(signal unix.Signal) {
	_ = unix.PidfdSendSignal(int(m.Leader.PIDFD.Fd()), signal, nil, 0)
	time.AfterFunc(grace, m.Leader.Kill)
}

// endOthers ends what a container without a PID namespace of its own leaves behind.
func (m *Machine) endOthers() error {
	if m.cgroup == "" {
		return nil
	}
	err := os.WriteFile(filepath.Join(m.cgroup, "cgroup.kill"), []byte("1"), 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return nil // so is the whole cgroup
	}
	return err
}
