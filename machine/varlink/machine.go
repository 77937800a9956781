// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"machined-go/machine"
	"machined-go/machine/inside"
)

// machineInterface is the table of io.systemd.Machine (systemd 256 and newer).
func machineInterface() *iface {
	return &iface{
		name: machineIf,
		types: []typedef{
			{"MachineClass", "container, vm, host"},
			{"KillWhom", "leader, supervisor, all"},
			{"AcquireMetadata", "no, yes, graceful"},
			{"MachineOpenMode", "tty, login, shell"},
			{"ProcessId", "pid: int, pidfdId: ?int, bootId: ?string"},
			{"Timestamp", "realtime: ?int, monotonic: ?int"},
			{"Address", "ifindex: ?int, family: int, address: []int"},
		},
		methods: []method{
			{name: "Register", in: registerFields, run: register},
			{name: "Unregister", in: lookup, machine: true,
				guard: guard{action: machine.ActionMachines, verb: "unregister", owner: true},
				run:   func(c *call) (object, error) { return nil, c.Manager.Unregister(c.machine.Name) }},
			{name: "Terminate", in: lookup, machine: true,
				guard: guard{action: machine.ActionMachines, verb: "terminate", owner: true},
				run:   func(c *call) (object, error) { return nil, c.Manager.Terminate(c.ctx, c.machine.Name) }},
			{name: "Kill", in: lookup + ", whom: ?KillWhom, signal: int", machine: true, check: checkSignal,
				guard: guard{action: machine.ActionMachines, verb: "kill", owner: true}, run: kill},
			{name: "List", in: lookup + ", acquireMetadata: ?AcquireMetadata", out: listFields, run: list},
			{name: "Open", in: lookup + ", mode: MachineOpenMode, user: ?string, path: ?string, args: ?[]string, environment: ?[]string",
				out: "ptyFileDescriptor: int, ptyPath: string", machine: true, long: true, run: open},
			{name: "MapFrom", in: lookup + ", uid: ?int, gid: ?int", out: "uid: ?int, gid: ?int", since: 258,
				machine: true, check: checkIDs, run: mapFrom},
			{name: "MapTo", in: "uid: ?int, gid: ?int", out: "uid: ?int, gid: ?int, machineName: ?string", since: 258,
				check: checkIDs, run: mapTo},
			{name: "BindMount", in: lookup + ", source: string, destination: ?string, readOnly: ?bool, mkdir: ?bool", since: 258,
				machine: true, long: true, check: checkBind, run: bindMount,
				guard: guard{action: machine.ActionMachines, verb: "bind", details: paths}},
			copyRow("CopyFrom", (*inside.Guest).CopyOut),
			copyRow("CopyTo", (*inside.Guest).CopyIn),
			{name: "OpenRootDirectory", in: lookup, out: "fileDescriptor: int", since: 258, machine: true,
				guard: guard{action: machine.ActionMachines, verb: "open_root_directory"}, run: openRoot},
		},
		errors: []typedef{
			{name: "NoSuchMachine"}, {name: "MachineExists"}, {name: "NoPrivateNetworking"}, {name: "NoOSReleaseInformation"},
			{name: "NoUIDShift"}, {name: "NotAvailable"}, {name: "NotSupported"}, {name: "NoIPC"},
			{name: "NoSuchUser"}, {name: "NoSuchGroup"}, {name: "UserInHostRange"}, {name: "GroupInHostRange"},
		},
	}
}

func checkSignal(c *call) error {
	_, _, err := c.number("signal", 1, 64)
	return err
}

func kill(c *call) (object, error) {
	signal, _, err := c.number("signal", 1, 64)
	if err != nil {
		return nil, err
	}
	return nil, c.Manager.Kill(c.ctx, c.machine.Name, c.str("whom"), int32(signal))
}

func openRoot(c *call) (object, error) {
	g, err := c.guest()
	if err != nil {
		return nil, err
	}
	defer g.Close()
	root, err := g.Root()
	if err != nil {
		return nil, err
	}
	var o object
	c.send(&o, "fileDescriptor", root)
	return o, nil
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
	return nil, fail(machineIf + ".NotSupported")
}
