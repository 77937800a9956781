// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"os"
	"strings"
	"sync"
	"time"

	"machined-go/machine/systemd1"
)

// sweeper remembers which machines to look at again.
type sweeper struct {
	mu    sync.Mutex
	names map[string]bool
	wake  chan struct{}
}

func newSweeper() sweeper {
	return sweeper{names: map[string]bool{}, wake: make(chan struct{}, 1)}
}

func (s *sweeper) add(names ...string) {
	if len(names) == 0 {
		return
	}
	s.mu.Lock()
	for _, n := range names {
		s.names[n] = true
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *sweeper) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]string, 0, len(s.names))
	for n := range s.names {
		list = append(list, n)
	}
	clear(s.names)
	return list
}

// Check makes Run look whether a machine is still there. It does not block.
func (m *Manager) Check(name string) { m.sweep.add(name) }

// UnitChanged is called for each event of systemd's units. It does not call
// systemd and returns at once.
func (m *Manager) UnitChanged(ev systemd1.Event) {
	m.mu.Lock()
	var names []string
	if ev.Unit == "" {
		for n := range m.byName {
			names = append(names, n)
		}
	}
	for _, e := range m.byUnit[ev.Unit] {
		names = append(names, e.Name)
	}
	m.mu.Unlock()
	m.sweep.add(names...)
}

// Run looks after machines until ctx ends: it collects those that are gone.
func (m *Manager) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.sweep.wake:
		}
		for _, name := range m.sweep.take() {
			m.look(ctx, name)
		}
	}
}

// look asks for the facts of one machine and drops it if they say so.
func (m *Manager) look(ctx context.Context, name string) {
	m.mu.Lock()
	e := m.byName[name]
	if e == nil || e.IsHost() {
		m.mu.Unlock()
		return
	}
	facts := facts{class: e.Class, opening: e.opening, subgroup: e.Subgroup != ""}
	unit, stopUnit, subgroup, invocation := e.Unit, e.stopUnit(), e.Subgroup, e.InvocationID
	m.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	state, err := m.units.Unit(ctx, unit)
	if err != nil {
		m.log.Warn("unit of machine cannot be asked for, ignoring", "machine", name, "error", err)
		return
	}
	facts.unitActive = state.Active() && sameInvocation(invocation, state.InvocationID)
	facts.populated = facts.subgroup && populated(state.ControlGroup, subgroup)
	active := state.ActiveState
	if stopUnit != unit {
		if s, err := m.units.Unit(ctx, stopUnit); err == nil {
			active = s.ActiveState
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byName[name] != e {
		return
	}
	e.active = active
	facts.leaderAlive = e.Leader.Alive()
	if facts.gone() {
		m.drop(e)
	}
}

// facts are what decides whether a machine is kept.
type facts struct {
	class       string
	opening     bool // its scope is being started
	leaderAlive bool
	unitActive  bool // the unit is active and in the same run as at registration
	subgroup    bool // the machine is only a part of its unit
	populated   bool // that part has processes
}

// gone is the rule of systemd 258 and newer: a live leader always keeps a
// machine. A dead one leaves it to the job, to the unit if the machine is the
// whole of it, and to the cgroup.
func (f facts) gone() bool {
	switch {
	case f.class == ClassHost, f.leaderAlive, f.opening, f.populated:
		return false
	case f.subgroup:
		return true
	}
	return !f.unitActive
}

func sameInvocation(noted string, now []byte) bool {
	return noted == "" || len(now) == 0 || strings.EqualFold(noted, hexString(now))
}

// populated tells whether a cgroup below a unit's has processes.
func populated(group, subgroup string) bool {
	b, err := os.ReadFile("/sys/fs/cgroup" + group + "/" + subgroup + "/cgroup.events")
	return err == nil && strings.Contains(string(b), "populated 1")
}
