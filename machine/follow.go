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

// askAgain is when a unit is asked for again that could not be.
const askAgain = time.Second

// removed is the load state of a unit that systemd forgot.
const removed = "removed"

// UnitChanged is called for each event of systemd's units. It does not call
// systemd and returns at once.
//
// A unit that was removed is not asked for again: asking would load it, and
// unloading it would be the next event, for ever.
func (m *Manager) UnitChanged(ev systemd1.Event) {
	m.tidier.soon()
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.byUnit[ev.Unit]
	if ev.Unit == "" {
		for _, e := range m.byName {
			list = append(list, e)
		}
	}
	for _, e := range list {
		now := seen{fresh: ev.Removed, state: systemd1.Unit{LoadState: removed, ActiveState: "inactive"}}
		if !ev.Removed {
			now.state = e.unit.state
		}
		if e.Unit == ev.Unit || ev.Unit == "" {
			e.unit = now
		}
		if !ev.Removed {
			now.state = e.owner.state
		}
		if e.ServiceUnit == ev.Unit || ev.Unit == "" {
			e.owner = now
		}
		m.sweep.add(e.Name)
	}
}

// Run looks after machines until ctx ends: it collects those that are gone.
func (m *Manager) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.tidier.due.C:
			m.tidier.again(m.tidy(ctx))
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
	if e.Leader.Init && !e.Leader.Alive() {
		m.drop(e)
		m.mu.Unlock()
		return
	}
	// A live leader decides alone.
	askUnit := !e.unit.fresh && (!e.Leader.Alive() || e.ServiceUnit == "")
	askOwner := !e.owner.fresh && e.ServiceUnit != ""
	unit, owner := e.Unit, e.ServiceUnit
	e.unit.fresh, e.owner.fresh = e.unit.fresh || askUnit, e.owner.fresh || askOwner
	m.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var states [2]*systemd1.Unit
	if askUnit {
		states[0] = m.ask(ctx, name, unit)
	}
	if askOwner {
		states[1] = m.ask(ctx, name, owner)
	}
	failed := askUnit && states[0] == nil || askOwner && states[1] == nil
	if mach, stops := m.conclude(e, states, failed); stops {
		if err := m.wake(ctx, &mach); err != nil {
			m.log.Warn("machine stays paused though it has to end, ignoring", "machine", name, "error", err)
		}
		time.AfterFunc(askAgain, func() { m.Check(name) }) // systemd 252 does not tell when a unit is frozen
	}
}

// conclude takes the states of a machine's unit and of its owner, those that were asked for, drops the machine if it is gone, and
// tells whether it is being stopped.
func (m *Manager) conclude(e *entry, states [2]*systemd1.Unit, failed bool) (mach Machine, stops bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byName[e.Name] != e {
		return Machine{}, false
	}
	if failed {
		e.unit.fresh, e.owner.fresh = false, false
		time.AfterFunc(askAgain, func() { m.Check(e.Name) })
	}
	e.unit.learn(states[0])
	e.owner.learn(states[1])
	if e.facts().gone() {
		m.drop(e)
		return Machine{}, false
	}
	return e.snapshot(), e.stops()
}

func (m *Manager) ask(ctx context.Context, machine, unit string) *systemd1.Unit {
	state, err := m.units.State(ctx, unit)
	if err != nil {
		m.log.Warn("unit of machine cannot be asked for, ignoring", "machine", machine, "error", err)
		return nil
	}
	return &state
}

// learn takes an answer, unless an event came meanwhile: then what that said
// holds, or the next look asks again.
func (s *seen) learn(state *systemd1.Unit) {
	if state != nil && s.fresh && s.state.LoadState != removed {
		s.state = *state
	}
}

// facts are the entry's, as far as they are known.
func (e *entry) facts() facts {
	u := &e.unit.state
	return facts{
		class: e.Class, opening: e.opening, leaderAlive: e.Leader.Alive(),
		unitActive: (u.ActiveState == "" || u.Active()) && sameInvocation(e.InvocationID, u.InvocationID),
		subgroup:   e.Subgroup != "",
		populated:  e.Subgroup != "" && populated(u.ControlGroup, e.Subgroup),
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
