// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"net/netip"
	"os"
	"time"

	"github.com/godbus/dbus/v5"
)

// Listed is one row of the manager's table.
type Listed struct {
	Name    string
	Class   string // "container", "vm", "host" (".host" only) or empty
	Service string // who registered it, as "systemd-nspawn"
	Path    dbus.ObjectPath
}

// Machine is everything the manager says of one machine, read at one moment.
// Fields a manager is too old to know stay zero.
type Machine struct {
	Name              string
	ID                []byte // machine id, 16 bytes or none
	Since             time.Time
	SinceMonotonic    time.Duration // CLOCK_MONOTONIC when it was registered
	Service           string
	Unit              string // scope or service its processes are in
	Subgroup          string // cgroup below Unit, since systemd 258
	Leader            uint32
	Class             string
	RootDirectory     string
	NetworkInterfaces []int32 // indices on the host's side
	State             string  // "opening", "running", "closing"
}

// List gives all machines, ".host" among them, in the manager's order.
func (c *Client) List(ctx context.Context) ([]Listed, error) {
	var rows []Listed
	err := c.call(ctx, manager(), "ListMachines").Store(&rows)
	return rows, failed("list machines", "", err)
}

// Properties gives the machine's properties as they are on the bus.
// ErrNoSuchMachine if there is none of that name.
func (c *Client) Properties(ctx context.Context, name string) (map[string]dbus.Variant, error) {
	t := target{machine1Name, objectPath("machine", name), machine1Machine}
	all, err := c.properties(ctx, t)
	if gone(err) {
		return nil, &Error{"look up machine", name, "", ErrNoSuchMachine.Error(), ErrNoSuchMachine}
	}
	return all, failed("look up machine", name, err)
}

// Machine gives the machine's properties in one call. ErrNoSuchMachine if
// there is none of that name.
func (c *Client) Machine(ctx context.Context, name string) (*Machine, error) {
	all, err := c.Properties(ctx, name)
	if err != nil {
		return nil, err
	}
	m := &Machine{}
	var since, monotonic uint64
	fields := map[string]any{
		"Name": &m.Name, "Id": &m.ID, "Timestamp": &since, "TimestampMonotonic": &monotonic,
		"Service": &m.Service, "Unit": &m.Unit, "Subgroup": &m.Subgroup, "Leader": &m.Leader,
		"Class": &m.Class, "RootDirectory": &m.RootDirectory,
		"NetworkInterfaces": &m.NetworkInterfaces, "State": &m.State,
	}
	if err := decode(all, fields); err != nil {
		return nil, failed("read machine", name, err)
	}
	m.Since = stamp(since)
	m.SinceMonotonic = time.Duration(monotonic) * time.Microsecond
	return m, nil
}

// decode stores the named properties; those that are missing are left alone.
func decode(all map[string]dbus.Variant, fields map[string]any) error {
	for key, into := range fields {
		value, ok := all[key]
		if !ok {
			continue
		}
		if err := value.Store(into); err != nil {
			return err
		}
	}
	return nil
}

// stamp turns the bus's microseconds since 1970 into a time; 0 is the zero time.
func stamp(usec uint64) time.Time {
	if usec == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(usec))
}

// GetByPID gives the object path of the machine a process of the host belongs
// to. ErrNoMachineForPID if it belongs to none.
func (c *Client) GetByPID(ctx context.Context, pid uint32) (dbus.ObjectPath, error) {
	var path dbus.ObjectPath
	err := c.call(ctx, manager(), "GetMachineByPID", pid).Store(&path)
	return path, failed("look up machine of process", "", err)
}

// Kill sends a signal to the machine's "leader" or to "all" its processes.
func (c *Client) Kill(ctx context.Context, name, whom string, signal int) error {
	err := c.call(ctx, manager(), "KillMachine", name, whom, int32(signal)).Err
	return failed("signal machine", name, err)
}

// Terminate asks systemd to stop the machine's unit; it does not wait.
func (c *Client) Terminate(ctx context.Context, name string) error {
	return failed("terminate machine", name, c.call(ctx, manager(), "TerminateMachine", name).Err)
}

// Unregister makes the manager forget the machine; its processes run on.
func (c *Client) Unregister(ctx context.Context, name string) error {
	return failed("unregister machine", name, c.call(ctx, manager(), "UnregisterMachine", name).Err)
}

// RootDirectory opens "/" of the machine. Root only.
func (c *Client) RootDirectory(ctx context.Context, name string) (*os.File, error) {
	var fd dbus.UnixFD
	err := c.call(ctx, manager(), "OpenMachineRootDirectory", name).Store(&fd)
	if err != nil {
		return nil, failed("open root directory of machine", name, err)
	}
	return os.NewFile(uintptr(fd), name+":/"), nil
}

// Addresses gives the machine's own network addresses, best first.
// ErrNoPrivateNetworking if it shares the host's network.
func (c *Client) Addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	var rows []struct {
		Family int32
		Bytes  []byte
	}
	err := c.call(ctx, manager(), "GetMachineAddresses", name).Store(&rows)
	if err != nil {
		return nil, failed("read addresses of machine", name, err)
	}
	var list []netip.Addr
	for _, row := range rows {
		if addr, ok := netip.AddrFromSlice(row.Bytes); ok {
			list = append(list, addr)
		}
	}
	return list, nil
}

// OSRelease gives the fields of the machine's os-release(5).
func (c *Client) OSRelease(ctx context.Context, name string) (map[string]string, error) {
	fields := map[string]string{}
	err := c.call(ctx, manager(), "GetMachineOSRelease", name).Store(&fields)
	return fields, failed("read os-release of machine", name, err)
}

// UIDShift gives the host user id that is root inside the machine; 0 means that
// root inside is root outside: a privileged machine.
func (c *Client) UIDShift(ctx context.Context, name string) (uint32, error) {
	var shift uint32
	err := c.call(ctx, manager(), "GetMachineUIDShift", name).Store(&shift)
	return shift, failed("read user id range of machine", name, err)
}
