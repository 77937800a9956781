// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/boot/handover"
)

// patience is how long a machine may take to say that it is ready before its service counts as started all the same: a guest
// that hangs in its own boot is somebody's to look at, not ours to kill.
const patience = 2 * time.Minute

// Service starts a machine for a service manager and leaves it in its hands.
type Service struct {
	Starter
	Manager   handover.Manager
	LockImage LockImage
	// Attach hands the notify socket to whoever reads it for the rest of the machine's life.
	Attach func(ctx context.Context, name string, socket *os.File) error
	// Watch has the health of a machine checked now and again.
	Watch func(ctx context.Context, name string, h Health) error
	// Keep are files of the caller's that the service manager is to store too, each under its name, from the first boot on.
	Keep []*os.File
}

// Run starts the machine, waits until it is ready, and returns: from then on the service manager watches it. stored is what the
// last boot kept, if this is a reboot.
func (s *Service) Run(ctx context.Context, spec Spec, stored map[string][]*os.File) error {
	spec = spec.here()
	c, err := s.claim(spec, stored)
	if err != nil {
		return err
	}
	s.HandOver = func(leader int) (func() error, func(), error) { return s.entrust(c, leader) }
	plan, machine, err := s.boot(ctx, spec, c)
	if err != nil {
		if !c.old {
			c.release()
		}
		return err
	}
	if err := s.awaitReady(ctx, plan, machine); err != nil || len(spec.Health.Command) == 0 {
		return err
	}
	return s.Watch(ctx, spec.Name, spec.Health)
}

func (s *Service) claim(spec Spec, stored map[string][]*os.File) (claim, error) {
	c, ok, err := takeOver(stored)
	if ok && err == nil {
		err = c.ids.keeps(spec)
	}
	if ok {
		return c, err
	}
	return newClaim(spec, s.LockImage)
}

// entrust gives the machine to the service manager.
func (s *Service) entrust(c claim, leader int) (done func() error, undo func(), err error) {
	if !c.old {
		for name, files := range c.stored() {
			if err := s.Manager.Store(name, files...); err != nil {
				return nil, nil, err
			}
		}
		for _, f := range s.Keep {
			if err := s.Manager.Store(f.Name(), f); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := s.Manager.MainProcess(leader); err != nil {
		return nil, nil, err
	}
	processed := inBackground(func() (struct{}, error) { return struct{}{}, s.Manager.Barrier() })
	done = func() error {
		_, err := processed()
		return err
	}
	return done, func() {
		_ = done()
		_ = s.Manager.MainProcess(os.Getpid())
		_ = s.Manager.Barrier()
	}, nil
}

// awaitReady waits until the guest has booted.
func (s *Service) awaitReady(ctx context.Context, p *Plan, m *Machine) error {
	name := p.Spec.Name
	if err := ctx.Err(); err != nil {
		m.callOff(p)
		return fmt.Errorf("start machine %q: %w", name, err)
	}
	status := "Machine " + name + " is running"
	if p.Announces {
		wait, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		go func() {
			_ = m.Leader.AwaitExit()
			cancel()
		}()
		report := func(text string) { _ = s.Manager.Status(text) }
		err := handover.AwaitReady(wait, m.Notify, m.Leader.PID, report)
		switch {
		case ctx.Err() != nil:
			m.callOff(p)
			return fmt.Errorf("start machine %q: %w", name, ctx.Err())
		case errors.Is(err, context.Canceled):
			return fmt.Errorf("machine %q ended before it was ready: see `journalctl -u contain@%s`", name, name)
		case errors.Is(err, context.DeadlineExceeded):
			status += fmt.Sprintf(", though after %v it has not said that it is ready", patience)
		case err != nil:
			return err
		}
	}
	if err := s.Manager.Ready(status); err != nil {
		return err
	}
	if err := s.Attach(ctx, name, m.Notify); err != nil {
		m.Notify.Close() // the guest is told that nobody listens, and does not mind
	}
	return nil
}

// infancy is how long an init may take to heed the signal to stop right after it was executed.
const infancy = 2 * time.Second

// callOff ends a machine whose start was called off when its init ran already. As PID 1 an init is deaf to what it has no handler
// for, and this one may not have come to that yet; but for a systemd the signal waits.
func (m *Machine) callOff(p *Plan) {
	_ = unix.PidfdSendSignal(int(m.Leader.PIDFD.Fd()), p.Spec.endSignal(), nil, 0)
	if p.Systemd {
		return
	}
	defer time.AfterFunc(infancy, m.Leader.Kill).Stop()
	_ = m.Leader.AwaitExit()
}
