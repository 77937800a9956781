// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"machined-go/boot/handover"
)

// Foreground starts a machine and stays until it ends.
type Foreground struct {
	Starter
	LockImage LockImage
	// Converse joins the user with the console's master until gone is closed. It is needed if the spec has a terminal.
	Converse func(master *os.File, gone <-chan struct{}) error
	// Insist is closed when a machine that was asked to power off is to end at once.
	Insist <-chan struct{}
	// Manager is the service manager that is to be told when the machine is ready, if there is one.
	Manager handover.Manager
}

// Run starts the machine, again whenever its init asks for a reboot, and returns how its first process ended. When ctx ends, a
// booted machine is asked to power off, and killed if the user insists; a command is killed, unless a signal is set that asks it.
func (f *Foreground) Run(ctx context.Context, spec Spec) (ws unix.WaitStatus, err error) {
	spec = spec.here()
	c, err := newClaim(spec, f.LockImage)
	if err != nil {
		return 0, err
	}
	defer c.release()
	for {
		plan, machine, err := f.boot(ctx, spec, c)
		if err != nil {
			return 0, err
		}
		ws, err = f.attend(ctx, plan, c, machine)
		err = errors.Join(err, f.Registry.Unregister(context.WithoutCancel(ctx), spec.Name))
		if spec.Container != nil {
			f.runPoststop(ctx, plan)
			return ws, err
		}
		reboot := spec.HasInit() && ws.Signaled() && ws.Signal() == unix.SIGHUP
		if err != nil || !reboot || ctx.Err() != nil {
			return ws, err
		}
	}
}

func (f *Foreground) attend(ctx context.Context, p *Plan, c claim, m *Machine) (unix.WaitStatus, error) {
	spec := p.Spec
	stop := context.AfterFunc(ctx, func() { m.askToEnd(spec) })
	defer stop()
	defer m.close()
	told := f.announce(ctx, p, m)
	defer told()
	gone := make(chan struct{})
	insisted := inBackground(func() (struct{}, error) {
		select {
		case <-f.Insist:
			m.Leader.Kill()
		case <-gone:
		}
		return struct{}{}, nil
	})
	conversed := inBackground(func() (struct{}, error) {
		if c.console == nil {
			return struct{}{}, nil
		}
		return struct{}{}, f.Converse(c.console.Master, gone)
	})
	ws, err := m.Leader.Wait()
	err = errors.Join(err, m.endOthers())
	for _, end := range []func(){m.scope, m.received} {
		if end != nil {
			end()
		}
	}
	close(gone)
	_, talkErr := conversed()
	_, _ = insisted() // it uses the leader
	if m.network.Lasts() {
		m.network.Undo()
	}
	return ws, errors.Join(err, talkErr)
}

// announce tells the service manager, if there is one, when the machine is ready. What it returns ends that.
func (f *Foreground) announce(ctx context.Context, p *Plan, m *Machine) (end func()) {
	if !f.Manager.Present() || m.Notify == nil {
		m.Notify.Close() // nobody is to be told
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	status := "Machine " + p.Spec.Name + " is running"
	told := inBackground(func() (struct{}, error) {
		defer m.Notify.Close()
		if p.Announces {
			report := func(text string) { _ = f.Manager.Status(text) }
			if err := handover.AwaitReady(ctx, m.Notify, m.Leader.PID, report); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, f.Manager.Ready(status)
	})
	return func() {
		cancel()
		_, _ = told()
	}
}

// askToEnd makes a machine end.
func (m *Machine) askToEnd(spec Spec) {
	if spec.Container != nil {
		m.askContainerToEnd(spec.Container.Process.StopSignal)
		return
	}
	_ = unix.PidfdSendSignal(int(m.Leader.PIDFD.Fd()), spec.endSignal(), nil, 0)
}

func (m *Machine) close() { m.Leader.PIDFD.Close() }
