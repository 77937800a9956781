// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/machine/systemd1"
)

// Registration is the wish to have a machine known.
type Registration struct {
	Name                          string
	ID                            []byte // empty or 16 bytes
	Service                       string
	Class                         string // ClassContainer or ClassVM
	Leader                        *Process
	RootDirectory                 string // "" or absolute
	NetIf                         []int32
	UID                           uint32 // of who asks
	Supervisor                    int    // of who asks, if that is not the leader
	VSockCID                      uint32 // VSockAny if none
	SSHAddress, SSHPrivateKeyPath string
	ControlAddress                string

	// ServiceUnit is the service that owns the machine, when its processes are
	// in a scope of their own.
	ServiceUnit string
	// Ours says that nobody stays with the machine to look after it.
	Ours bool
	// Again lets the same leader register the same name a second time, as it
	// does when our answer to the first time was lost.
	Again bool
}

// check applies the rules of machined for names, ids and so on.
func (r *Registration) check() error {
	switch {
	case !ValidName(r.Name):
		return invalid("Invalid machine name")
	case len(r.ID) != 0 && len(r.ID) != 16:
		return invalid("Invalid machine ID parameter")
	case r.Class == "": // as in systemd-machined: not wrong, but nothing comes of it
		return fmt.Errorf("register machine %q without a class: %w", r.Name, unix.EOPNOTSUPP)
	case r.Class != ClassContainer && r.Class != ClassVM:
		return invalid("Invalid machine class parameter")
	case r.Leader == nil || r.Leader.PID <= 1:
		return invalid("Invalid leader PID")
	case r.RootDirectory != "" && !filepath.IsAbs(r.RootDirectory):
		return invalid("Root directory must be empty or an absolute path")
	case r.VSockCID < vsockFirst:
		return invalid("Invalid VSock CID %d", r.VSockCID)
	case r.SSHPrivateKeyPath != "" && !filepath.IsAbs(r.SSHPrivateKeyPath):
		return invalid("SSH private key path must be absolute")
	case r.ServiceUnit != "" && !isUnitName(r.ServiceUnit):
		return invalid("Invalid service unit name")
	case strings.ContainsAny(r.RootDirectory+r.Service+r.SSHAddress+r.SSHPrivateKeyPath+r.ControlAddress, "\x00\n"):
		return invalid("Line breaks are not allowed")
	}
	for _, i := range r.NetIf {
		if i <= 0 {
			return invalid("Invalid network interface index %d", i)
		}
	}
	return nil
}

// machine makes the machine that is wished for, but for its unit. Its strings
// are copies: those of a message lie in a buffer of 4 KiB, which one of them
// would keep.
func (r *Registration) machine() Machine {
	own := strings.Clone
	m := Machine{
		Name: own(r.Name), Service: own(r.Service), Class: own(r.Class), RootDirectory: own(r.RootDirectory),
		NetIf: r.NetIf, UID: r.UID, Leader: r.Leader, VSockCID: r.VSockCID,
		SSHAddress: own(r.SSHAddress), SSHPrivateKeyPath: own(r.SSHPrivateKeyPath),
		ControlAddress: own(r.ControlAddress), ServiceUnit: own(r.ServiceUnit), Ours: r.Ours,
	}
	copy(m.ID[:], r.ID)
	if r.Supervisor > 1 && r.Supervisor != r.Leader.PID {
		if p, err := OpenProcess(r.Supervisor); err == nil {
			m.Supervisor, m.SupervisorID = p.PID, p.ID
			p.Close()
		}
	}
	m.Realtime, m.Monotonic = now()
	return m
}

// Register makes a machine known that runs in a unit already: the one its
// leader is in. When it returns, the files are written and the observer told.
func (m *Manager) Register(r Registration) (Machine, error) {
	if err := r.check(); err != nil {
		return Machine{}, err
	}
	unit, subgroup, err := unitOf(r.Leader.PID)
	if err != nil {
		return Machine{}, err
	}
	if !r.Leader.Alive() && r.Supervisor == 0 {
		return Machine{}, fmt.Errorf("leader %d: %w", r.Leader.PID, unix.ESRCH)
	}
	e := &entry{Machine: r.machine()}
	e.Unit, e.Subgroup, e.InvocationID = unit, subgroup, invocationOf(unit)
	if strings.HasSuffix(unit, ".scope") && r.ServiceUnit != "" || r.undivided(unit, subgroup) {
		e.Subgroup = "" // the unit is this machine's alone
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.byName[r.Name]; old != nil {
		if r.Again && old.Leader.PID == r.Leader.PID && old.Leader.StartTime == r.Leader.StartTime {
			return old.snapshot(), nil
		}
		if !old.replaceableBy(e) {
			return Machine{}, fmt.Errorf("machine %q: %w", r.Name, ErrMachineExists)
		}
		m.drop(old)
	}
	if err := m.admit(e); err != nil {
		return Machine{}, err
	}
	return e.snapshot(), nil
}

// supervised is the subgroup in which systemd-nspawn@.service is started
// (DelegateSubgroup=, since systemd 254).
const supervised = "supervisor"

// undivided tells whether a leader is still where the process that registers it
// is: systemd-nspawn 257 and older moves it to a cgroup of its own only later,
// and has its whole unit for the machine.
func (r *Registration) undivided(unit, subgroup string) bool {
	if subgroup != supervised || r.Supervisor == 0 {
		return false
	}
	u, s, err := unitOf(r.Supervisor)
	return err == nil && u == unit && s == subgroup
}

// replaceableBy tells whether an entry only waits to be collected: its leader
// is dead, and the unit is another one or was started anew since.
func (e *entry) replaceableBy(n *entry) bool {
	if e.IsHost() || e.opening || e.Leader.Alive() {
		return false
	}
	if e.Leader.Init {
		return true
	}
	if e.Unit != n.Unit {
		return invocationOf(e.Unit) != e.InvocationID
	}
	return e.InvocationID != n.InvocationID
}

// admit saves a new entry, puts it into the table and tells the observer.
func (m *Manager) admit(e *entry) error {
	m.serve(e)
	if err := m.dir.save(&e.Machine); err != nil {
		_ = m.dir.remove(&e.Machine)
		m.withhold(e)
		return err
	}
	if err := m.insert(e); err != nil {
		m.drop(e)
		return fmt.Errorf("watch leader of machine %q: %w", e.Name, err)
	}
	m.log.Debug("new machine", "machine", e.Name, "leader", e.Leader.PID, "unit", e.Unit)
	for _, o := range m.observers {
		o.MachineNew(e.snapshot())
	}
	return nil
}

// Create makes a scope around the leader and registers the machine in it. It
// returns when the scope is started. The observer hears of the machine before.
func (m *Manager) Create(ctx context.Context, r Registration, props []systemd1.Property) (Machine, error) {
	if err := r.check(); err != nil {
		return Machine{}, err
	}
	e := &entry{Machine: r.machine(), opening: true}
	e.Unit = ScopeName(r.Name)
	if err := m.reserve(e); err != nil {
		return Machine{}, err
	}
	kind := "Container "
	if r.Class == ClassVM {
		kind = "Virtual Machine "
	}
	err := m.units.StartScope(ctx, systemd1.Scope{Name: e.Unit, Description: kind + r.Name, PIDs: []int{r.Leader.PID}, Extra: props})
	m.mu.Lock()
	defer m.mu.Unlock()
	e.opening = false
	if err != nil {
		if m.byName[e.Name] == e {
			m.drop(e)
		}
		return Machine{}, err
	}
	if m.byName[e.Name] != e {
		return Machine{}, fmt.Errorf("machine %q: %w", e.Name, ErrNoSuchMachine)
	}
	e.InvocationID = invocationOf(e.Unit)
	if err := m.dir.save(&e.Machine); err != nil {
		return Machine{}, err
	}
	return e.snapshot(), nil
}

func (m *Manager) reserve(e *entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old := m.byName[e.Name]; old != nil {
		if !old.replaceableBy(e) {
			return fmt.Errorf("machine %q: %w", e.Name, ErrMachineExists)
		}
		m.drop(old)
	}
	return m.admit(e)
}
