// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"fmt"
)

// Load takes up the machines that the files speak of: those that are still
// there are kept and announced again, the others are cleared away.
func (m *Manager) Load(ctx context.Context) {
	records, bad := m.dir.load()
	for _, err := range bad {
		m.log.Warn("state file is skipped, ignoring", "error", err)
	}
	for i := range records {
		if err := m.adopt(ctx, &records[i]); err != nil {
			m.log.Info("machine is gone", "machine", records[i].Name, "why", err)
		}
	}
	for _, mach := range m.List() {
		if mach.alone() && mach.Paused() {
			m.Check(mach.Name) // if it is being stopped, it has to be resumed
		}
	}
	m.endScopes(ctx)
}

// adopt keeps a machine if its leader is the process that was noted down, or if
// its leader is dead but the unit still is in the same run.
func (m *Manager) adopt(ctx context.Context, r *record) error {
	e := &entry{Machine: r.Machine}
	leader, err := r.leader()
	if err == nil {
		e.Leader = leader
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.admit(e)
	}
	state, unitErr := m.units.State(ctx, r.Unit)
	f := facts{class: r.Class, subgroup: r.Subgroup != "",
		unitActive: unitErr == nil && r.Unit != "" && r.InvocationID != "" && state.Active() && sameInvocation(r.InvocationID, state.InvocationID)}
	f.populated = f.subgroup && unitErr == nil && populated(state.ControlGroup, r.Subgroup)
	m.mu.Lock()
	defer m.mu.Unlock()
	e.Leader = &Process{PID: r.leaderPID, ID: r.leaderID, StartTime: r.leaderStart, fd: -1}
	if f.gone() {
		m.drop(e)
		return err
	}
	return m.admit(e)
}

// leader takes hold of the noted process and proves that it is the same one.
func (r *record) leader() (*Process, error) {
	if r.leaderPID <= 1 || r.Class != ClassContainer && r.Class != ClassVM {
		return nil, fmt.Errorf("no leader is noted for machine %q", r.Name)
	}
	p, err := OpenProcess(r.leaderPID)
	if err != nil {
		return nil, err
	}
	if same, known := p.same(r.leaderID, r.leaderStart); known {
		if !same || !p.Alive() {
			return nil, fmt.Errorf("process %d is another one now", r.leaderPID)
		}
		return p, nil
	}
	// Written by another machined: it must at least be in the noted unit.
	unit, _, err := unitOf(r.leaderPID)
	if err != nil {
		return nil, err
	}
	if unit != r.Unit || !p.Alive() {
		return nil, fmt.Errorf("process %d is not in unit %q", r.leaderPID, r.Unit)
	}
	return p, nil
}
