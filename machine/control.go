// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"encoding/hex"
	"fmt"

	"golang.org/x/sys/unix"
)

// Unregister forgets a machine. Nothing is killed.
func (m *Manager) Unregister(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.byName[name]
	switch {
	case !ok:
		return fmt.Errorf("machine %q: %w", name, ErrNoSuchMachine)
	case e.IsHost():
		return fmt.Errorf("unregister %q: %w", name, ErrNotHost)
	}
	m.drop(e)
	return nil
}

// Terminate asks systemd to stop the machine's unit (the service that owns it,
// if there is one) and does not wait.
func (m *Manager) Terminate(ctx context.Context, name string) error {
	m.mu.Lock()
	e, ok := m.byName[name]
	if !ok || e.IsHost() {
		m.mu.Unlock()
		if !ok {
			return fmt.Errorf("machine %q: %w", name, ErrNoSuchMachine)
		}
		return fmt.Errorf("terminate %q: %w", name, ErrNotHost)
	}
	unit, part, supervisor, id := e.stopUnit(), e.Subgroup != "", e.Supervisor, e.SupervisorID
	mach := e.snapshot()
	m.mu.Unlock()
	if err := m.wake(ctx, &mach); err != nil { // systemd 262 does not stop what is frozen
		return err
	}
	if err := m.stop(ctx, unit, part, supervisor, id); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byName[name] == e {
		e.stopping = true
	}
	return nil
}

// stop ends a unit, or, for a machine that is only part of one, asks the
// process that looks after it (as systemd 258 and newer).
func (m *Manager) stop(ctx context.Context, unit string, part bool, supervisor int, id uint64) error {
	if part && supervisor > 1 {
		if p, err := OpenProcess(supervisor); err == nil {
			defer p.Close()
			if id == 0 || p.ID == id {
				return p.Signal(unix.SIGTERM)
			}
		}
	}
	return m.units.QueueStop(ctx, unit)
}

// Whom of a machine a signal goes to.
const (
	KillAll        = "all"
	KillLeader     = "leader"
	KillSupervisor = "supervisor"
)

// Kill sends a signal (1 to 64) to processes of a machine.
func (m *Manager) Kill(ctx context.Context, name, whom string, signal int32) error {
	mach, err := m.Get(name)
	if err != nil {
		return err
	}
	if whom == "" {
		whom = KillAll
	}
	switch {
	case whom != KillAll && whom != KillLeader && whom != KillSupervisor:
		return invalid("Invalid kill parameter %q", whom)
	case signal < 1 || signal > 64:
		return invalid("Invalid signal %d", signal)
	case mach.IsHost():
		return fmt.Errorf("kill %q: %w", name, ErrNotHost)
	}
	switch whom {
	case KillLeader:
		return m.killLeader(ctx, &mach, unix.Signal(signal))
	case KillSupervisor:
		return mach.killSupervisor(unix.Signal(signal))
	}
	if mach.Subgroup != "" {
		return m.killSubgroup(ctx, &mach, signal)
	}
	return m.units.KillUnit(ctx, mach.Unit, "all", signal)
}

// killLeader sends a signal to the machine's PID 1. One that asks it to end
// resumes a paused machine: it would be heeded only when somebody does that.
func (m *Manager) killLeader(ctx context.Context, mach *Machine, signal unix.Signal) error {
	if err := mach.Leader.Signal(signal); err != nil || !asksToEnd(signal) {
		return err
	}
	return m.wake(ctx, mach)
}

// killSupervisor fails for machines that nobody stays with, such as ours.
func (m *Machine) killSupervisor(signal unix.Signal) error {
	if m.Supervisor == 0 {
		return fmt.Errorf("machine %q has no supervisor: %w", m.Name, unix.ESRCH)
	}
	p, err := OpenProcess(m.Supervisor)
	if err != nil {
		return err
	}
	defer p.Close()
	if m.SupervisorID != 0 && p.ID != m.SupervisorID {
		return fmt.Errorf("signal supervisor of machine %q: %w", m.Name, unix.ESRCH)
	}
	return p.Signal(signal)
}

func hexString(b []byte) string { return hex.EncodeToString(b) }
