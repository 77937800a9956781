// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"math"

	"github.com/godbus/dbus/v5"

	"machined-go/machine"
	"machined-go/machine/image"
	"machined-go/machine/inside"
)

const managerIf = "org.freedesktop.machine1.Manager"

// managerInterface is the table of the Manager. What names a machine or an
// image is forwarded to that object's method.
func managerInterface(machines, images *iface) *iface {
	mach := func(name, first, target string) method {
		return forwardRow(machines, (*call).machineByName, name, first, target)
	}
	img := func(name string, in, out args, target string) method {
		return method{name: name, in: in, out: out, by: (*call).imageByName, forward: images.method(target)}
	}
	return &iface{
		name: managerIf,
		props: []property{
			{name: "PoolPath", sig: "s", emits: "false", get: value(func(*call) any { return image.PoolPath })},
			// Both are unknown unless the pool is btrfs with quotas.
			{name: "PoolUsage", sig: "t", emits: "false", get: value(func(*call) any { usage, _ := image.Pool(); return usage })},
			{name: "PoolLimit", sig: "t", emits: "false", get: value(func(*call) any { _, limit := image.Pool(); return limit })},
		},
		methods: []method{
			{name: "GetMachine", in: "s name", out: "o machine", run: getMachine},
			{name: "GetImage", in: "s name", out: "o image", run: getImage},
			{name: "GetMachineByPID", in: "u pid", out: "o machine", run: getMachineByPID},
			{name: "ListMachines", out: "a(ssso) machines", run: listMachines},
			{name: "ListImages", out: "a(ssbttto) images", run: listImages, long: true},
			createRow("CreateMachine", "s name, ay id, s service, s class, u leader, s root_directory, a(sv) scope_properties", plainArgs, 6),
			createRow("CreateMachineWithNetwork", "s name, ay id, s service, s class, u leader, s root_directory, ai ifindices, a(sv) scope_properties", networkArgs, 7),
			since(259, createRow("CreateMachineEx", "s name, a(sv) properties, a(sv) scope_properties", exArgs, 2)),
			registerRow("RegisterMachine", "s name, ay id, s service, s class, u leader, s root_directory", plainArgs),
			registerRow("RegisterMachineWithNetwork", "s name, ay id, s service, s class, u leader, s root_directory, ai ifindices", networkArgs),
			since(259, registerRow("RegisterMachineEx", "s name, a(sv) properties", exArgs)),
			{name: "UnregisterMachine", in: "s name", by: (*call).machineByName, forward: &method{
				guard: guard{action: machine.ActionMachines, verb: "unregister", owner: true},
				run:   func(c *call) ([]any, error) { return none(c.manager.Unregister(c.machine.Name)) },
			}},
			mach("TerminateMachine", "s id", "Terminate"),
			mach("KillMachine", "s name", "Kill"),
			mach("GetMachineAddresses", "s name", "GetAddresses"),
			since(256, mach("GetMachineSSHInfo", "s name", "GetSSHInfo")),
			mach("GetMachineOSRelease", "s name", "GetOSRelease"),
			mach("OpenMachinePTY", "s name", "OpenPTY"),
			mach("OpenMachineLogin", "s name", "OpenLogin"),
			mach("OpenMachineShell", "s name", "OpenShell"),
			mach("BindMountMachine", "s name", "BindMount"),
			mach("CopyFromMachine", "s name", "CopyFrom"),
			mach("CopyToMachine", "s name", "CopyTo"),
			mach("CopyFromMachineWithFlags", "s name", "CopyFromWithFlags"),
			mach("CopyToMachineWithFlags", "s name", "CopyToWithFlags"),
			mach("OpenMachineRootDirectory", "s name", "OpenRootDirectory"),
			mach("GetMachineUIDShift", "s name", "GetUIDShift"),
			img("RemoveImage", "s name", "", "Remove"),
			img("RenameImage", "s name, s new_name", "", "Rename"),
			img("CloneImage", "s name, s new_name, b read_only", "", "Clone"),
			img("MarkImageReadOnly", "s name, b read_only", "", "MarkReadOnly"),
			img("GetImageHostname", "s name", "s hostname", "GetHostname"),
			img("GetImageMachineID", "s name", "ay id", "GetMachineID"),
			img("GetImageMachineInfo", "s name", "a{ss} machine_info", "GetMachineInfo"),
			img("GetImageOSRelease", "s name", "a{ss} os_release", "GetOSRelease"),
			// Both are guarded as machines, not images, are (sic).
			{name: "SetPoolLimit", in: "t size", long: true, check: checkLimit, run: setPoolLimit, guard: guard{action: machine.ActionMachines}},
			img("SetImageLimit", "s name, t size", "", "SetLimit"),
			{name: "CleanPool", in: "s mode", out: "a(st) images", slow: true, check: checkCleanPool, run: cleanPool, guard: guard{action: machine.ActionMachines}},
			{name: "MapFromMachineUser", in: "s name, u uid_inner", out: "u uid_outer", run: mapFrom(inside.Users, "user")},
			{name: "MapToMachineUser", in: "u uid_outer", out: "s machine_name, o machine_path, u uid_inner",
				run: mapTo(inside.Users, "user", "NoSuchUserMapping")},
			{name: "MapFromMachineGroup", in: "s name, u gid_inner", out: "u gid_outer", run: mapFrom(inside.Groups, "group")},
			{name: "MapToMachineGroup", in: "u gid_outer", out: "s machine_name, o machine_path, u gid_inner",
				run: mapTo(inside.Groups, "group", "NoSuchGroupMapping")},
		},
		signals: []signal{
			{name: "MachineNew", args: "s machine, o path"},
			{name: "MachineRemoved", args: "s machine, o path"},
		},
	}
}

// since marks a method as newer than systemd 252.
func since(version int, m method) method {
	m.since = version
	return m
}

// forwardRow makes the by-name method of an object's method.
func forwardRow(i *iface, by func(*call, string) error, name, first, target string) method {
	m := i.method(target)
	in := args(first)
	if m.in != "" {
		in += ", " + m.in
	}
	return method{name: name, in: in, out: m.out, by: by, forward: m}
}

func getMachine(c *call) ([]any, error) {
	if err := c.machineByName(c.str(0)); err != nil {
		return nil, err
	}
	return reply(machinePath(c.machine.Name))
}

func getMachineByPID(c *call) ([]any, error) {
	pid := int(c.u32(0))
	if pid == 0 {
		who, err := c.ids.caller(c.ctx, c.sender)
		if err != nil {
			return nil, err
		}
		pid = who.pid
	}
	if pid > math.MaxInt32 {
		return nil, failf(errBus+"InvalidArgs", "Invalid PID %d", pid)
	}
	m, err := c.manager.ByPID(pid)
	if err != nil {
		return nil, failf(errMachine+"NoMachineForPID", "PID %d does not belong to any known machine", pid)
	}
	return reply(machinePath(m.Name))
}

// MachineNew implements machine.Observer.
func (s *Server) MachineNew(m machine.Machine) {
	s.list.turn.Add(1)
	s.emit("MachineNew", m.Name)
}

// MachineRemoved implements machine.Observer.
func (s *Server) MachineRemoved(m machine.Machine) {
	s.list.turn.Add(1)
	s.emit("MachineRemoved", m.Name)
}

func (s *Server) emit(signal, name string) {
	body := []any{name, machinePath(name)}
	err := s.conn.Send(&dbus.Message{Type: dbus.TypeSignal, Flags: dbus.FlagNoReplyExpected, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(managerPath), dbus.FieldInterface: dbus.MakeVariant(managerIf), dbus.FieldMember: dbus.MakeVariant(signal),
		dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(body...)),
	}})
	if err != nil {
		s.log.Warn("signal is lost, ignoring", "signal", signal, "machine", name, "error", err)
	}
}
