// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"machined-go/machine"
	"machined-go/machine/inside"
)

// machineInterface is the table of a Machine object.
func machineInterface() *iface {
	return &iface{
		name:  "org.freedesktop.machine1.Machine",
		props: machineProperties(),
		methods: []method{
			{name: "Terminate", guard: guard{action: machine.ActionMachines, verb: "terminate", owner: true},
				run: func(c *call) ([]any, error) { return none(c.manager.Terminate(c.ctx, c.machine.Name)) }},
			{name: "Kill", in: "s whom, i signal", guard: guard{action: machine.ActionMachines, verb: "kill", owner: true},
				run: func(c *call) ([]any, error) {
					return none(c.manager.Kill(c.ctx, c.machine.Name, c.str(0), c.i32(1)))
				}},
			{name: "GetAddresses", out: "a(iay) addresses", long: true, run: getAddresses},
			{name: "GetSSHInfo", out: "s ssh_address, s ssh_private_key_path", since: 256, run: getSSHInfo},
			{name: "GetOSRelease", out: "a{ss} fields", long: true, run: getOSRelease},
			{name: "GetUIDShift", out: "u shift", run: getUIDShift},
			{name: "OpenPTY", out: "h pty, s pty_path", long: true, run: openPTY,
				guard: guard{action: machine.ActionOpenPTY, host: machine.ActionHostOpenPTY, owner: true}},
			{name: "OpenLogin", out: "h pty, s pty_path", long: true, run: openLogin,
				guard: guard{action: machine.ActionLogin, host: machine.ActionHostLogin, verb: "login", owner: true}},
			{name: "OpenShell", in: "s user, s path, as args, as environment", out: "h pty, s pty_path", long: true, run: openShell,
				guard: guard{action: machine.ActionShell, host: machine.ActionHostShell, owner: true, details: shellDetails}},
			{name: "BindMount", in: "s source, s destination, b read_only, b mkdir", long: true, run: bindMount, check: checkBind,
				guard: guard{action: machine.ActionMachines, verb: "bind", details: srcDestDetails}},
			copyRow("CopyFrom", "s source, s destination", transfer(copyOut, false)),
			copyRow("CopyTo", "s source, s destination", transfer(copyIn, false)),
			copyRow("CopyFromWithFlags", "s source, s destination, t flags", transfer(copyOut, true)),
			copyRow("CopyToWithFlags", "s source, s destination, t flags", transfer(copyIn, true)),
			{name: "OpenRootDirectory", out: "h fd", run: openRoot,
				guard: guard{action: machine.ActionMachines, verb: "open_root_directory"}},
		},
	}
}

func copyRow(name string, in args, run func(*call) ([]any, error)) method {
	return method{name: name, in: in, slow: true, run: run, check: checkTransfer,
		guard: guard{action: machine.ActionMachines, verb: "copy", details: srcDestDetails}}
}

// fact makes a property that is one of the machine's facts.
func fact(name, sig, emits string, f func(m *machine.Machine) any) property {
	return property{name: name, sig: sig, emits: emits, get: value(func(c *call) any { return f(&c.machine) })}
}

func machineProperties() []property {
	newer := func(version int, p property) property { p.since = version; return p }
	scope := fact("Scope", "s", "const", func(m *machine.Machine) any { return m.Unit })
	scope.hidden = true
	return []property{
		fact("Name", "s", "const", func(m *machine.Machine) any { return m.Name }),
		fact("Id", "ay", "const", machineID),
		fact("Timestamp", "t", "const", func(m *machine.Machine) any { return m.Realtime }),
		fact("TimestampMonotonic", "t", "const", func(m *machine.Machine) any { return m.Monotonic }),
		fact("Service", "s", "const", func(m *machine.Machine) any { return validText(m.Service) }),
		fact("Unit", "s", "const", func(m *machine.Machine) any { return m.Unit }),
		scope,
		newer(258, fact("Subgroup", "s", "const", func(m *machine.Machine) any { return validText(m.Subgroup) })),
		fact("Leader", "u", "const", func(m *machine.Machine) any { return uint32(m.Leader.PID) }),
		newer(258, fact("LeaderPIDFDId", "t", "const", func(m *machine.Machine) any { return m.Leader.ID })),
		newer(258, fact("Supervisor", "u", "const", func(m *machine.Machine) any { return uint32(m.Supervisor) })),
		newer(258, fact("SupervisorPIDFDId", "t", "const", func(m *machine.Machine) any { return m.SupervisorID })),
		fact("Class", "s", "const", func(m *machine.Machine) any { return m.Class }),
		fact("RootDirectory", "s", "const", func(m *machine.Machine) any { return validText(m.RootDirectory) }),
		fact("NetworkInterfaces", "ai", "const", func(m *machine.Machine) any { return append([]int32{}, m.NetIf...) }),
		newer(256, fact("VSockCID", "u", "const", func(m *machine.Machine) any { return m.VSockCID })),
		newer(256, fact("SSHAddress", "s", "const", func(m *machine.Machine) any { return validText(m.SSHAddress) })),
		newer(256, fact("SSHPrivateKeyPath", "s", "const", func(m *machine.Machine) any { return validText(m.SSHPrivateKeyPath) })),
		newer(258, fact("UID", "u", "const", func(m *machine.Machine) any { return m.UID })),
		fact("State", "s", "false", func(m *machine.Machine) any { return m.State }),
	}
}

// machineID is empty, not zeroes, for a machine without one.
func machineID(m *machine.Machine) any {
	if !m.HasID() {
		return []byte{}
	}
	return m.ID[:]
}

// guest opens the machine for looking inside. Only the host and containers can
// be entered.
func (c *call) guest() (*inside.Guest, error) {
	switch c.machine.Class {
	case machine.ClassHost:
		return inside.Host(), nil
	case machine.ClassContainer:
		return inside.Open(c.machine.Leader.PID, c.machine.Leader.FD())
	}
	return nil, failf(errBus+"NotSupported", "Not supported for machines of class %q.", c.machine.Class)
}

// session opens the machine for a terminal or a shell. A machine that an
// ordinary user registered must be in a user namespace of its own, or it would
// be a way to become root (systemd 262 refuses it too).
func (c *call) session() (*inside.Guest, error) {
	g, err := c.guest()
	if err != nil || c.machine.UID == 0 {
		return g, err
	}
	if own, err := g.OwnUsers(); err != nil || !own {
		g.Close()
		return nil, failf(errBus+"AccessDenied", "Machine %s was registered by a user and shares the host's users.", c.machine.Name)
	}
	return g, nil
}
