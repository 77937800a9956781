// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"

	"machined-go/machine"
	"machined-go/machine/systemd1"
)

// wish fills a registration from the arguments of a call.
type wish func(c *call, r *machine.Registration) error

// mayAdd guards the methods that make a machine known.
func mayAdd(action string) guard {
	return guard{action: action, details: func(c *call) map[string]string {
		return map[string]string{"name": validText(c.str(0)), "class": validText(c.wantedClass())}
	}}
}

// wantedClass is the class that a registration is for.
func (c *call) wantedClass() string {
	if len(c.args) > 3 {
		if class, ok := c.args[3].(string); ok {
			return class
		}
	}
	rows, _ := c.args[1].([][]any)
	for _, row := range rows {
		if v, ok := row[1].(dbus.Variant); ok && row[0] == "Class" {
			class, _ := v.Value().(string)
			return class
		}
	}
	return ""
}

func registerRow(name string, in args, w wish) method {
	return method{name: name, in: in, out: "o path", guard: mayAdd(machine.ActionRegister), run: func(c *call) ([]any, error) {
		r, err := c.registration(w)
		if err != nil {
			return nil, err
		}
		m, err := c.manager.Register(r)
		release(&r, &m)
		return pathOf(c, m, err)
	}}
}

// createRow is like registerRow; the scope's properties are argument props.
func createRow(name string, in args, w wish, props int) method {
	return method{name: name, in: in, out: "o path", guard: mayAdd(machine.ActionCreate), long: true, run: func(c *call) ([]any, error) {
		r, err := c.registration(w)
		if err != nil {
			return nil, err
		}
		extra, err := scopeProperties(c.args[props])
		if err != nil {
			release(&r, nil)
			return nil, err
		}
		m, err := c.manager.Create(c.ctx, r, extra)
		release(&r, &m)
		return pathOf(c, m, err)
	}}
}

func pathOf(c *call, m machine.Machine, err error) ([]any, error) {
	if errors.Is(err, machine.ErrMachineExists) {
		return nil, failf(errMachine+"MachineExists", "Machine '%s' already exists", c.str(0))
	}
	if err != nil {
		return nil, err
	}
	return reply(machinePath(m.Name))
}

// release lets go of the leader of a registration, unless m took it over.
func release(r *machine.Registration, m *machine.Machine) {
	if r.Leader != nil && (m == nil || m.Leader != r.Leader) {
		r.Leader.Close()
	}
}

// registration makes a registration of the caller's wish: who asks is noted,
// and must own the leader if not root.
func (c *call) registration(w wish) (machine.Registration, error) {
	who, err := c.ids.caller(c.ctx, c.sender)
	if err != nil {
		return machine.Registration{}, err
	}
	r := machine.Registration{Name: c.str(0), UID: who.uid, Supervisor: who.pid, VSockCID: machine.VSockAny}
	if !machine.ValidName(r.Name) {
		return r, failf(errBus+"InvalidArgs", "Invalid machine name")
	}
	if err := w(c, &r); err != nil {
		release(&r, nil)
		return r, err
	}
	if r.Leader == nil {
		if r.Leader, err = machine.OpenProcess(who.pid); err != nil {
			return r, err
		}
	}
	if !owns(who, r.Leader) {
		release(&r, nil)
		return r, failf(errBus+"AccessDenied", "Only root may register machines for other users")
	}
	return r, nil
}

func plainArgs(c *call, r *machine.Registration) (err error) {
	r.ID, r.Service, r.Class, r.RootDirectory = c.bytes(1), c.str(2), c.str(3), c.str(5)
	r.Leader, err = leaderOf(c.u32(4))
	return err
}

func networkArgs(c *call, r *machine.Registration) error {
	r.NetIf = c.i32s(6)
	return plainArgs(c, r)
}

// leaderOf takes hold of the process that is named leader; 0 is the caller.
func leaderOf(pid uint32) (*machine.Process, error) {
	switch {
	case pid == 0:
		return nil, nil
	case pid == 1 || pid > 1<<30:
		return nil, failf(errBus+"InvalidArgs", "Invalid leader PID")
	}
	return machine.OpenProcess(int(pid))
}

// exArgs reads the properties of RegisterMachineEx (systemd 259).
func exArgs(c *call, r *machine.Registration) error {
	props := map[string]dbus.Variant{}
	for _, row := range c.args[1].([][]any) {
		props[row[0].(string)] = row[1].(dbus.Variant)
	}
	return c.readProps(r, props, nil)
}

// readProps reads machine properties; own takes those that machine1 does not
// have and tells whether it knows one.
func (c *call) readProps(r *machine.Registration, props map[string]dbus.Variant, own func(key string, v dbus.Variant) (bool, error)) error {
	var pid uint32
	var pidfdID uint64
	for key, v := range props {
		var err error
		switch key {
		case "Id":
			err = take(v, &r.ID)
		case "Service":
			err = take(v, &r.Service)
		case "Class":
			err = take(v, &r.Class)
		case "LeaderPID":
			err = take(v, &pid)
		case "LeaderPIDFDID":
			err = take(v, &pidfdID)
		case "LeaderPIDFD":
			r.Leader, err = c.pidfdLeader(v)
		case "RootDirectory":
			err = take(v, &r.RootDirectory)
		case "NetworkInterfaces":
			err = take(v, &r.NetIf)
		case "VSockCID":
			err = take(v, &r.VSockCID)
		case "SSHAddress":
			err = take(v, &r.SSHAddress)
		case "SSHPrivateKeyPath":
			err = take(v, &r.SSHPrivateKeyPath)
		default:
			known := false
			if own != nil {
				known, err = own(key, v)
			}
			if !known {
				return failf(errBus+"InvalidArgs", "Unknown machine property %q", validText(key))
			}
		}
		if err != nil {
			return failf(errBus+"InvalidArgs", "Invalid machine property %s: %v", key, err)
		}
	}
	if (pid == 0) != (pidfdID == 0) {
		return failf(errBus+"InvalidArgs", "Only LeaderPID and LeaderPIDFDID together tell who is the leader")
	}
	if pid == 0 {
		return nil
	}
	if r.Leader != nil {
		return failf(errBus+"InvalidArgs", "Both LeaderPID and LeaderPIDFD are given")
	}
	leader, err := leaderOf(pid)
	if err == nil && leader.ID != 0 && leader.ID != pidfdID {
		return failf(errBus+"InvalidArgs", "Process %d is not the one meant", pid)
	}
	r.Leader = leader
	return err
}

func (c *call) pidfdLeader(v dbus.Variant) (*machine.Process, error) {
	fd, ok := v.Value().(dbus.UnixFD)
	if !ok {
		return nil, failf(errBus+"InvalidArgs", "not a file descriptor")
	}
	return machine.ProcessOfPIDFD(int(fd))
}

// take stores a value that is of the type of into, and of no other: godbus's
// own Store would make a string of a number.
func take[T any](v dbus.Variant, into *T) error {
	got, ok := v.Value().(T)
	if !ok {
		return fmt.Errorf("type %s is another", v.Signature())
	}
	*into = got
	return nil
}

// scopeProperties turns an a(sv) as received into one to send.
func scopeProperties(arg any) ([]systemd1.Property, error) {
	var props []systemd1.Property
	for _, row := range arg.([][]any) {
		name, v := row[0].(string), row[1].(dbus.Variant)
		again, err := resend(v)
		if err != nil {
			return nil, failf(errBus+"InvalidArgs", "Invalid scope property %s: %v", name, err)
		}
		props = append(props, systemd1.Property{Name: name, Value: again})
	}
	return props, nil
}
