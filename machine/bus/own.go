// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"context"
	"os"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"machined-go/machine"
)

const ownIf = "org.machinedgo.Manager1"

// ownInterface is the table of what machine1 has no method for. What only root
// may do is refused to others by the bus policy too.
func ownInterface() *iface {
	root := guard{root: true}
	return &iface{name: ownIf, methods: []method{
		{name: "RegisterMachine", in: "s name, a{sv} properties", out: "o path", guard: root, run: ownRegister},
		{name: "AttachNotify", in: "s name, h socket", guard: root, run: attachNotify},
		{name: "CopyFrom", in: "s name, s source, s destination, t flags, h progress", guard: root, slow: true, run: ownTransfer(copyOut)},
		{name: "CopyTo", in: "s name, s source, s destination, t flags, h progress", guard: root, slow: true, run: ownTransfer(copyIn)},
		{name: "Unbind", in: "s name, s path", guard: root, long: true, run: unbind},
		pauseRow("Pause", "pause", (*machine.Manager).Pause),
		pauseRow("Resume", "resume", (*machine.Manager).Resume),
		{name: "GetStatusText", in: "s name", out: "s text", guard: root, run: statusText},
	}}
}

// pauseRow makes a method that stops a machine's processes, or lets them go on.
func pauseRow(name, verb string, do func(m *machine.Manager, ctx context.Context, name string) error) method {
	return method{name: name, in: "s name", by: (*call).machineByName, forward: &method{
		guard: guard{action: machine.ActionMachines, verb: verb, owner: true},
		run:   func(c *call) ([]any, error) { return none(do(c.manager, c.ctx, c.machine.Name)) },
	}}
}

// ownRegister is RegisterMachineEx with two more keys, Console (h, the master
// of the machine's console) and ServiceUnit (s). The same leader may call it
// again for the same name.
func ownRegister(c *call) ([]any, error) {
	var console *os.File
	defer func() {
		if console != nil {
			console.Close()
		}
	}()
	r, err := c.registration(func(c *call, r *machine.Registration) error {
		r.Again, r.Ours = true, true
		r.Supervisor = 0 // the starter is gone soon
		return c.readProps(r, c.dict(1), func(key string, v dbus.Variant) (bool, error) {
			var err error
			switch key {
			case "Console":
				console, err = c.dupFile(v.Value(), "console")
				return true, err
			case "ServiceUnit":
				return true, take(v, &r.ServiceUnit)
			}
			return false, nil
		})
	})
	if err != nil {
		return nil, err
	}
	m, err := c.manager.Register(r)
	release(&r, &m)
	if err != nil {
		return pathOf(c, m, err)
	}
	if console != nil {
		if err := c.holder.HoldConsole(m, int(console.Fd())); err != nil {
			return nil, err
		}
	}
	return reply(machinePath(m.Name))
}

// attachNotify takes the socket at which the machine's init sends what
// sd_notify(3) says; without a reader it would fill up and block that init.
func attachNotify(c *call) ([]any, error) {
	if err := c.machineByName(c.str(0)); err != nil {
		return nil, err
	}
	f, err := c.dupFile(c.args[1], "notify")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	kind, err := unix.GetsockoptInt(int(f.Fd()), unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_DGRAM {
		return nil, failf(errBus+"InvalidArgs", "Not a datagram socket")
	}
	return none(c.holder.HoldNotify(c.machine, int(f.Fd())))
}

func statusText(c *call) ([]any, error) {
	if err := c.machineByName(c.str(0)); err != nil {
		return nil, err
	}
	return reply(validText(c.holder.Status(c.machine.Name)))
}
