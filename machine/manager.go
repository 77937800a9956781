// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"fmt"
	"log/slog"
	"sort"
	"sync"

	"machined-go/boot/sys"
	"machined-go/machine/systemd1"
)

// Units is what the manager needs of systemd.
type Units interface {
	State(ctx context.Context, name string) (systemd1.Unit, error)
	StartScope(ctx context.Context, s systemd1.Scope) error
	QueueStop(ctx context.Context, unit string) error
	KillUnit(ctx context.Context, unit, whom string, signal int32) error
	Freeze(ctx context.Context, unit string) error
	Thaw(ctx context.Context, unit string) error
}

// Watcher calls a function once something is to be read from a file
// descriptor; for a pidfd that is when its process died. boot/sys.Poller does.
type Watcher interface {
	Add(fd int, ready func()) error
	Remove(fd int)
}

// Observer is told of machines that come and go, in order, while the manager
// is locked: it must not call the manager. The files are written (or gone)
// when it is called.
type Observer interface {
	MachineNew(Machine)
	MachineRemoved(Machine)
}

// Control serves machines of ours each at an address of its own. It is called
// while the manager is locked: it must not call the manager.
type Control interface {
	// Open begins to serve a machine; who connects to the address is heard.
	Open(m Machine) (address string, err error)
	Close(name string)
}

// Manager is the table of machines. It is safe for concurrent use.
type Manager struct {
	units     Units
	control   Control // nil if machines are not served
	watch     Watcher
	dir       *Dir
	log       *slog.Logger
	observers []Observer

	mu     sync.Mutex
	byName map[string]*entry
	byUnit map[string][]*entry // by Unit and by ServiceUnit
	byPID  map[int]*entry

	sweep  sweeper
	tidier *tidier
}

// entry is a machine with what only the manager knows of it.
type entry struct {
	Machine
	opening  bool // its scope is being started
	stopping bool // it was asked to stop
	unit     seen // what was seen of Unit
	owner    seen // what was seen of ServiceUnit
	events   int  // cgroup.events, if the machine is a part of its unit
}

// seen is what we know of a unit without asking.
type seen struct {
	fresh bool // nothing happened to the unit since
	state systemd1.Unit
}

// stops tells whether the unit that ends the machine is stopping.
func (e *entry) stops() bool {
	if e.ServiceUnit != "" {
		return e.owner.state.ActiveState == "deactivating"
	}
	return e.unit.state.ActiveState == "deactivating"
}

func (e *entry) state() string {
	switch {
	case e.stopping || e.stops():
		return Closing
	case e.opening:
		return Opening
	}
	return Running
}

func (e *entry) snapshot() Machine {
	m := e.Machine
	m.State = e.state()
	return m
}

// NewManager makes a manager whose only machine is the host. Load fills it.
func NewManager(units Units, watch Watcher, dir *Dir, log *slog.Logger) *Manager {
	m := &Manager{
		units: units, watch: watch, dir: dir, log: log,
		byName: map[string]*entry{}, byUnit: map[string][]*entry{}, byPID: map[int]*entry{},
		sweep: newSweeper(), tidier: newTidier(sys.Notes),
	}
	m.byName[HostName] = &entry{Machine: hostMachine()}
	return m
}

// Observe names who is told of machines that come and go, in this order. It
// must be called before Load.
func (m *Manager) Observe(o ...Observer) { m.observers = o }

// Serve names who serves machines of ours. It must be called before Load.
func (m *Manager) Serve(c Control) { m.control = c }

// Get finds a machine by its name; ErrNoSuchMachine if there is none.
func (m *Manager) Get(name string) (Machine, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.byName[name]
	if !ok {
		return Machine{}, fmt.Errorf("machine %q: %w", name, ErrNoSuchMachine)
	}
	return e.snapshot(), nil
}

// List gives all machines, the host among them, by name.
func (m *Manager) List() []Machine {
	m.mu.Lock()
	list := make([]Machine, 0, len(m.byName))
	for _, e := range m.byName {
		list = append(list, e.snapshot())
	}
	m.mu.Unlock()
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// ByPID finds the machine that a process belongs to: as its leader, else by
// the unit it is in, else as its parents do. ErrNoMachineForPID if to none.
func (m *Manager) ByPID(pid int) (Machine, error) {
	for p := pid; p > 1; p = parentOf(p) {
		if found, ok := m.ownerOf(p); ok {
			return found, nil
		}
	}
	return Machine{}, fmt.Errorf("process %d: %w", pid, ErrNoMachineForPID)
}

func (m *Manager) ownerOf(pid int) (Machine, bool) {
	if found, ok := m.ledBy(pid); ok {
		return found, true
	}
	unit, subgroup, err := unitOf(pid)
	if err != nil {
		return Machine{}, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.byUnit[unit] {
		if e.Unit == unit && within(subgroup, e.Subgroup) {
			return e.snapshot(), true
		}
	}
	return Machine{}, false
}

// ledBy finds the machine whose leader a process is.
func (m *Manager) ledBy(pid int) (Machine, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.byPID[pid]; e != nil && e.Leader.Alive() {
		return e.snapshot(), true
	}
	return Machine{}, false
}

// within tells whether cgroup path sub is below (or is) the path of a machine.
func within(sub, machine string) bool {
	return machine == "" || sub == machine ||
		len(sub) > len(machine) && sub[:len(machine)] == machine && sub[len(machine)] == '/'
}

// insert puts an entry into all maps and begins to watch its leader.
func (m *Manager) insert(e *entry) error {
	m.byName[e.Name] = e
	m.byPID[e.Leader.PID] = e
	m.byUnit[e.Unit] = append(m.byUnit[e.Unit], e)
	if e.ServiceUnit != "" && e.ServiceUnit != e.Unit {
		m.byUnit[e.ServiceUnit] = append(m.byUnit[e.ServiceUnit], e)
	}
	m.watchGroup(e)
	name := e.Name
	if e.Leader.FD() < 0 {
		m.Check(name) // adopted after its leader's death: its unit decides
		return nil
	}
	return m.watch.Add(e.Leader.FD(), func() { m.Check(name) })
}

// drop forgets an entry: files first, so that nobody is told of a removal
// that a restart would undo.
func (m *Manager) drop(e *entry) {
	if err := m.dir.remove(&e.Machine); err != nil {
		m.log.Error("remove state of machine", "machine", e.Name, "error", err)
	}
	m.withhold(e)
	m.watch.Remove(e.Leader.FD())
	m.unwatchGroup(e)
	delete(m.byName, e.Name)
	if m.byPID[e.Leader.PID] == e {
		delete(m.byPID, e.Leader.PID)
	}
	for _, unit := range []string{e.Unit, e.ServiceUnit} {
		m.byUnit[unit] = without(m.byUnit[unit], e)
		if len(m.byUnit[unit]) == 0 {
			delete(m.byUnit, unit)
		}
	}
	m.log.Debug("machine is gone", "machine", e.Name, "leader", e.Leader.PID)
	for _, o := range m.observers {
		o.MachineRemoved(e.snapshot())
	}
}

func without(list []*entry, e *entry) []*entry {
	kept := list[:0:0]
	for _, o := range list {
		if o != e {
			kept = append(kept, o)
		}
	}
	return kept
}
