// SPDX-License-Identifier: Apache-2.0

// Package machine is the table of running machines: what is known of each, how
// it is written to /run/systemd/machines (where systemd's libraries read it),
// and how machines are followed until they end.
//
// The manager is disposable. Every fact is in a file before anybody is told of
// it, and at the next start the table is made again from the files, the
// processes and systemd's units.
package machine

import (
	"errors"
	"fmt"
)

// Classes of machines. Only containers and virtual machines can be registered.
const (
	ClassContainer = "container"
	ClassVM        = "vm"
	ClassHost      = "host"
)

// States of a machine. They are derived from facts, never stored.
const (
	Opening = "opening" // its scope is being started
	Running = "running"
	Closing = "closing" // it was asked to stop, or its unit stops
)

// Errors of lookups and registrations. Who gets one may act on it.
var (
	ErrNoSuchMachine   = errors.New("no machine of this name is known")
	ErrMachineExists   = errors.New("a machine of this name exists already")
	ErrNoMachineForPID = errors.New("process belongs to no known machine")
	ErrNotHost         = errors.New("not possible for the host itself")
)

// InvalidError is a registration that breaks a rule; the text says which.
type InvalidError struct{ Reason string }

func (e *InvalidError) Error() string { return e.Reason }

func invalid(format string, args ...any) error {
	return &InvalidError{Reason: fmt.Sprintf(format, args...)}
}

// Machine is what is known of one machine. It is a value: the manager hands out
// copies.
type Machine struct {
	Name          string
	ID            [16]byte // all zero when unset
	Service       string   // what the registrant calls itself, e.g. "systemd-nspawn"
	Class         string
	RootDirectory string  // on the host; "" for images
	NetIf         []int32 // interface indices on the host's side
	UID           uint32  // who registered it

	Unit     string // the scope or service its processes are in
	Subgroup string // cgroup below the unit; "" when the machine is all of it

	Leader       *Process // its PID 1
	Supervisor   int      // process that registered it, if that is another
	SupervisorID uint64   // pidfd inode of the supervisor

	Realtime  uint64 // µs, when it was registered
	Monotonic uint64 // µs

	VSockCID                      uint32 // VMADDR_CID_ANY when unset
	SSHAddress, SSHPrivateKeyPath string
	ControlAddress                string // Varlink socket of whoever runs the machine (systemd 261), "" if none

	// ServiceUnit is the service that starts and stops the machine when that is
	// not Unit, for machines of ours: contain@NAME.service.
	ServiceUnit string
	// Ours says that we started the machine: nobody else looks after it, so we
	// serve it at ControlAddress.
	Ours bool
	// InvocationID is that of Unit, in hex as systemd writes it; "" if unknown.
	InvocationID string

	State string
}

// VSockAny is VMADDR_CID_ANY, the value of an unset VSockCID.
const VSockAny = ^uint32(0)

// vsockFirst is the first that a machine can have: those before are the
// hypervisor's, the host's and the local ones (vsock(7)).
const vsockFirst = 3

// HasID tells whether the machine has a machine id.
func (m *Machine) HasID() bool { return m.ID != [16]byte{} }

// IsHost tells whether the machine is the host itself.
func (m *Machine) IsHost() bool { return m.Class == ClassHost }

// stopUnit is the unit whose stop ends the machine in an orderly way.
func (m *Machine) stopUnit() string {
	if m.ServiceUnit != "" {
		return m.ServiceUnit
	}
	return m.Unit
}
