// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/godbus/dbus/v5"
)

// Interfaces and paths of machine1.
const (
	bus     = "org.freedesktop.machine1"
	manager = "/org/freedesktop/machine1"
	machIf  = bus + ".Machine"
	imageIf = bus + ".Image"
	propsIf = "org.freedesktop.DBus.Properties"
	logPath = "/org/freedesktop/LogControl1"
)

// row is one call whose outcome is written down.
type row struct {
	name   string
	path   string // the manager's if empty
	method string // with its interface, or a method of the manager
	args   []any
	user   bool // called as a user without rights, not as root
	before string
	state  bool // signals and the state file of the sleeper are part of the outcome

	varlink bool // a call over Varlink: path is the socket, LEADER in params the process that is registered
	params  string
	more    bool
}

// leaderPID stands for the process that is registered, ofLeader for properties
// that get those that name it.
type (
	leaderPID struct{}
	ofLeader  []prop
)

type prop struct {
	Name  string
	Value dbus.Variant
}

var (
	noID    = []byte{}
	someID  = []byte{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 1, 2, 3, 4, 5, 6, 7, 8}
	noProps = []prop{}
	max64   = ^uint64(0)
)

func register(name string, id []byte, class string, leader any, root string) []any {
	return []any{name, id, "test", class, leader, root}
}

// rows are all calls, in the order in which they are made.
func rows() []row {
	list := append(withoutMachine(), errorsOfArguments()...)
	list = append(list, withMachine()...)
	list = append(list, withImages()...)
	list = append(list, withKinds()...)
	list = append(list, withNspawn()...)
	return append(list, asUser()...)
}

func withoutMachine() []row {
	return []row{
		{name: "list of machines", method: "ListMachines"},
		{name: "the host as machine", method: "GetMachine", args: []any{".host"}},
		{name: "unknown machine", method: "GetMachine", args: []any{"none"}},
		{name: "empty machine name", method: "GetMachine", args: []any{""}},
		{name: "unknown image", method: "GetImage", args: []any{"none"}},
		{name: "bad image name", method: "GetImage", args: []any{"a/b"}},
		{name: "the host as image", method: "GetImage", args: []any{".host"}},
		{name: "machine of PID 1", method: "GetMachineByPID", args: []any{uint32(1)}},
		{name: "machine of no process", method: "GetMachineByPID", args: []any{uint32(4000000)}},
		{name: "unknown method", method: "Frobnicate"},
		{name: "no arguments", method: "GetMachine"},
		{name: "wrong arguments", method: "GetMachine", args: []any{uint32(1)}},
		{name: "unknown object", path: manager + "/machine/none", method: machIf + ".Terminate"},
		{name: "unknown image object", path: manager + "/image/none", method: imageIf + ".Remove"},
		{name: "unknown property", method: propsIf + ".Get", args: []any{bus + ".Manager", "Colour"}},
		{name: "set a property", method: propsIf + ".Set", args: []any{bus + ".Manager", "PoolPath", dbus.MakeVariant("/x")}},
		{name: "properties of the manager", method: propsIf + ".GetAll", args: []any{bus + ".Manager"}},
		{name: "properties of the host", path: manager + "/machine/_2ehost", method: propsIf + ".GetAll", args: []any{machIf}},
		{name: "machine/self of nobody", path: manager + "/machine/self", method: propsIf + ".GetAll", args: []any{machIf}},
		{name: "shift of the host", method: "GetMachineUIDShift", args: []any{".host"}},
		{name: "os-release of the host", method: "GetMachineOSRelease", args: []any{".host"}},
		{name: "root of the host", method: "OpenMachineRootDirectory", args: []any{".host"}},
		{name: "log level", path: logPath, method: propsIf + ".Get", args: []any{"org.freedesktop.LogControl1", "LogLevel"}},
		{name: "log target", path: logPath, method: propsIf + ".Get", args: []any{"org.freedesktop.LogControl1", "LogTarget"}},
		{name: "identifier of the log", path: logPath, method: propsIf + ".Get", args: []any{"org.freedesktop.LogControl1", "SyslogIdentifier"}},
		{name: "set the log level", path: logPath, method: propsIf + ".Set", args: []any{"org.freedesktop.LogControl1", "LogLevel", dbus.MakeVariant("debug")}},
		{name: "the log level that was set", path: logPath, method: propsIf + ".Get", args: []any{"org.freedesktop.LogControl1", "LogLevel"}},
		{name: "set it back", path: logPath, method: propsIf + ".Set", args: []any{"org.freedesktop.LogControl1", "LogLevel", dbus.MakeVariant("info")}},
		{name: "set the log target", path: logPath, method: propsIf + ".Set", args: []any{"org.freedesktop.LogControl1", "LogTarget", dbus.MakeVariant("console")}},
		{name: "the log target that was set", path: logPath, method: propsIf + ".Get", args: []any{"org.freedesktop.LogControl1", "LogTarget"}},
		{name: "set no log target", path: logPath, method: propsIf + ".Set", args: []any{"org.freedesktop.LogControl1", "LogTarget", dbus.MakeVariant("moon")}},
		{name: "set the log target back", path: logPath, method: propsIf + ".Set", args: []any{"org.freedesktop.LogControl1", "LogTarget", dbus.MakeVariant("auto")}},
		{name: "terminal of the host", method: "OpenMachinePTY", args: []any{".host"}},
		{name: "ping", method: "org.freedesktop.DBus.Peer.Ping"},
		{name: "one property", method: propsIf + ".Get", args: []any{bus + ".Manager", "PoolPath"}},
		{name: "properties of no interface", method: propsIf + ".GetAll", args: []any{""}},
		{name: "properties of an unknown interface", method: propsIf + ".GetAll", args: []any{"a.b"}},
		{name: "set no log level", path: logPath, method: propsIf + ".Set", args: []any{"org.freedesktop.LogControl1", "LogLevel", dbus.MakeVariant("loud")}},
	}
}

func errorsOfArguments() []row {
	return []row{
		{name: "register: bad name", method: "RegisterMachine", args: register("a/b", noID, "container", leaderPID{}, "")},
		{name: "register: short id", method: "RegisterMachine", args: register("c1", []byte{1}, "container", leaderPID{}, "")},
		{name: "register: class host", method: "RegisterMachine", args: register("c1", noID, "host", leaderPID{}, "")},
		{name: "register: unknown class", method: "RegisterMachine", args: register("c1", noID, "pod", leaderPID{}, "")},
		{name: "register: leader 1", method: "RegisterMachine", args: register("c1", noID, "container", uint32(1), "")},
		{name: "register: relative root", method: "RegisterMachine", args: register("c1", noID, "container", leaderPID{}, "root")},
		{name: "register: interface 0", method: "RegisterMachineWithNetwork",
			args: append(register("c1", noID, "container", leaderPID{}, ""), []int32{0})},
		{name: "register ex: unknown key", method: "RegisterMachineEx", args: []any{"c1", []prop{{"Colour", dbus.MakeVariant("red")}}}},
		{name: "register: no such leader", method: "RegisterMachine", args: register("c1", noID, "container", uint32(4000000), "")},
		{name: "register: no class", method: "RegisterMachine", args: register("c1", noID, "", leaderPID{}, "")},
		{name: "register: name of 65", method: "RegisterMachine", args: register(strings.Repeat("a", 65), noID, "container", leaderPID{}, "")},
		{name: "register ex: no leader", method: "RegisterMachineEx", args: []any{"c1", []prop{{"Class", dbus.MakeVariant("pod")}}}},
		{name: "create: bad name", method: "CreateMachine", args: append(register("-", noID, "container", leaderPID{}, ""), noProps)},
		{name: "kill: bad whom", method: "KillMachine", args: []any{".host", "nobody", int32(15)}},
		{name: "kill: bad signal", method: "KillMachine", args: []any{".host", "leader", int32(65)}},
		{name: "kill: the host", method: "KillMachine", args: []any{".host", "leader", int32(15)}},
		{name: "terminate: the host", method: "TerminateMachine", args: []any{".host"}},
		{name: "unregister: the host", method: "UnregisterMachine", args: []any{"none"}},
		{name: "unregister the host", method: "UnregisterMachine", args: []any{".host"}, state: true},
		{name: "is it there", method: "GetMachine", args: []any{".host"}},
		{name: "terminate: unknown", method: "TerminateMachine", args: []any{"none"}},
		{name: "kill: unknown", method: "KillMachine", args: []any{"none", "leader", int32(15)}},
		{name: "bind: the host", method: "BindMountMachine", args: []any{".host", "/tmp", "/mnt", false, false}},
		{name: "bind: relative", method: "BindMountMachine", args: []any{".host", "tmp", "/mnt", false, false}},
		{name: "bind: not normalized", method: "BindMountMachine", args: []any{".host", "/tmp/../tmp", "/mnt", false, false}},
		{name: "copy: the host", method: "CopyToMachine", args: []any{".host", "/tmp", "/mnt"}},
		{name: "copy: relative source", method: "CopyToMachine", args: []any{".host", "tmp", "/mnt"}},
		{name: "copy: relative destination", method: "CopyFromMachine", args: []any{".host", "/tmp", "mnt"}},
		{name: "copy: unknown flag", method: "CopyFromMachineWithFlags", args: []any{".host", "/tmp", "/mnt", uint64(2)}},
		{name: "map from: invalid", method: "MapFromMachineUser", args: []any{".host", ^uint32(0)}},
		{name: "map from: the host", method: "MapFromMachineUser", args: []any{".host", uint32(0)}},
		{name: "map from: the host's groups", method: "MapFromMachineGroup", args: []any{".host", uint32(0)}},
		{name: "map to: invalid", method: "MapToMachineUser", args: []any{^uint32(0)}},
		{name: "map to: the host's", method: "MapToMachineUser", args: []any{uint32(1000)}},
		{name: "map to: nobody's user", method: "MapToMachineUser", args: []any{uint32(3000000000)}},
		{name: "map to: nobody's group", method: "MapToMachineGroup", args: []any{uint32(3000000000)}},
		{name: "addresses: unknown", method: "GetMachineAddresses", args: []any{"none"}},
		{name: "ssh info of the host", method: "GetMachineSSHInfo", args: []any{".host"}},
		{name: "pool: mode", method: "CleanPool", args: []any{"some"}},
		{name: "pool: limit not on btrfs", method: "SetPoolLimit", args: []any{uint64(1 << 30)}},
		{name: "pool: limit out of range", method: "SetPoolLimit", args: []any{uint64(1 << 63)}},
	}
}

func withMachine() []row {
	mach := manager + "/machine/my_2dc1"
	return []row{
		{name: "register", method: "RegisterMachine", args: register("my-c1", someID, "container", leaderPID{}, "/tmp"), state: true},
		{name: "register again", method: "RegisterMachine", args: register("my-c1", someID, "container", leaderPID{}, "/tmp")},
		{name: "get it", method: "GetMachine", args: []any{"my-c1"}},
		{name: "children of machines", path: manager + "/machine", method: "org.freedesktop.DBus.Introspectable.Introspect"},
		{name: "object: os-release", path: mach, method: machIf + ".GetOSRelease"},
		{name: "object: shift", path: mach, method: machIf + ".GetUIDShift"},
		{name: "object: root", path: mach, method: machIf + ".OpenRootDirectory"},
		{name: "object: addresses", path: mach, method: machIf + ".GetAddresses"},
		{name: "object: kill", path: mach, method: machIf + ".Kill", args: []any{"leader", int32(18)}},
		{name: "object: bad kill", path: mach, method: machIf + ".Kill", args: []any{"leader", int32(-1)}},
		{name: "kill its supervisor", method: "KillMachine", args: []any{"my-c1", "somebody", int32(18)}},
		{name: "find it by its leader", method: "GetMachineByPID", args: []any{leaderPID{}}},
		{name: "list it", method: "ListMachines"},
		{name: "its properties", path: mach, method: propsIf + ".GetAll", args: []any{machIf}},
		{name: "a hidden property", path: mach, method: propsIf + ".Get", args: []any{machIf, "Scope"}},
		{name: "its addresses", method: "GetMachineAddresses", args: []any{"my-c1"}},
		{name: "its os-release", method: "GetMachineOSRelease", args: []any{"my-c1"}},
		{name: "its shift", method: "GetMachineUIDShift", args: []any{"my-c1"}},
		{name: "its ssh info", method: "GetMachineSSHInfo", args: []any{"my-c1"}},
		{name: "map from its users", method: "MapFromMachineUser", args: []any{"my-c1", uint32(5)}},
		{name: "map from its groups", method: "MapFromMachineGroup", args: []any{"my-c1", uint32(5)}},
		{name: "shell: relative", method: "OpenMachineShell", args: []any{"my-c1", "root", "sh", []string{}, []string{}}},
		{name: "shell: environment", method: "OpenMachineShell", args: []any{"my-c1", "root", "/bin/sh", []string{}, []string{"x"}}},
		{name: "copy a file in", before: "rm -rf /tmp/cf; echo 1 >/tmp/cs", method: "CopyToMachine", args: []any{"my-c1", "/tmp/cs", "/tmp/cf"}},
		{name: "copy it again", method: "CopyToMachine", args: []any{"my-c1", "/tmp/cs", "/tmp/cf"}},
		{name: "copy and replace", method: "CopyToMachineWithFlags", args: []any{"my-c1", "/tmp/cs", "/tmp/cf", uint64(1)}},
		{name: "copy what is not there", method: "CopyFromMachine", args: []any{"my-c1", "/nowhere", "/tmp/x"}},
		{name: "copy to nowhere", method: "CopyFromMachine", args: []any{"my-c1", "/tmp/cs", "/nowhere/x"}},
		{name: "merge directories", before: "rm -rf /tmp/d1 /tmp/d2; mkdir /tmp/d1 /tmp/d2; echo 1 >/tmp/d1/f; echo 2 >/tmp/d2/f; echo 1 >/tmp/d1/g",
			method: "CopyToMachine", args: []any{"my-c1", "/tmp/d1", "/tmp/d2"}},
		{name: "what was merged", method: "", before: "cat /tmp/d2/f /tmp/d2/g"},
		{name: "copy a directory onto a file", method: "CopyToMachine", args: []any{"my-c1", "/tmp/d1", "/tmp/cs"}},
		{name: "copy a file onto a directory", method: "CopyToMachine", args: []any{"my-c1", "/tmp/cs", "/tmp/d1"}},
		{name: "bind what is not there", method: "BindMountMachine", args: []any{"my-c1", "/nowhere", "/mnt", false, false}},
		{name: "bind to nowhere", method: "BindMountMachine", args: []any{"my-c1", "/tmp", "/nowhere/x", false, false}},
		{name: "kill with signal 0", method: "KillMachine", args: []any{"my-c1", "leader", int32(0)}},
		{name: "unregister", method: "UnregisterMachine", args: []any{"my-c1"}, state: true},
		{name: "register a vm", method: "RegisterMachine", args: register("my-c1", noID, "vm", leaderPID{}, ""), state: true},
		{name: "vm: its addresses", method: "GetMachineAddresses", args: []any{"my-c1"}},
		{name: "vm: its os-release", method: "GetMachineOSRelease", args: []any{"my-c1"}},
		{name: "vm: its shift", method: "GetMachineUIDShift", args: []any{"my-c1"}},
		{name: "vm: its root", method: "OpenMachineRootDirectory", args: []any{"my-c1"}},
		{name: "vm: copy", method: "CopyToMachine", args: []any{"my-c1", "/tmp/cs", "/tmp/cf"}},
		{name: "vm: bind", method: "BindMountMachine", args: []any{"my-c1", "/tmp", "/mnt", false, false}},
		{name: "vm: map from", method: "MapFromMachineUser", args: []any{"my-c1", uint32(5)}},
		{name: "terminate", method: "TerminateMachine", args: []any{"my-c1"}},
		{name: "register with network", before: "leader", method: "RegisterMachineWithNetwork",
			args: append(register("my-c1", noID, "container", leaderPID{}, ""), []int32{1, 2}), state: true},
		{name: "unregister it", method: "UnregisterMachine", args: []any{"my-c1"}, state: true},
		{name: "unregister it again", method: "UnregisterMachine", args: []any{"my-c1"}, state: true},
		{name: "register ex", method: "RegisterMachineEx", args: []any{"my-c1", ofLeader{
			{"Class", dbus.MakeVariant("container")}, {"Id", dbus.MakeVariant(someID)}, {"Service", dbus.MakeVariant("test")},
			{"VSockCID", dbus.MakeVariant(uint32(7))}, {"SSHAddress", dbus.MakeVariant("a")}, {"SSHPrivateKeyPath", dbus.MakeVariant("/k")}}}, state: true},
		{name: "forget it", method: "UnregisterMachine", args: []any{"my-c1"}},
		{name: "create with network and properties", method: "CreateMachineWithNetwork", args: append(register("my-c1", noID, "vm", leaderPID{}, ""),
			[]int32{1}, []prop{{"Description", dbus.MakeVariant("test of scopes")}}), state: true},
		{name: "its scope", before: `systemctl show -p Description,Slice,Delegate,CollectMode,TasksMax machine-my\\x2dc1.scope`},
		{name: "kill all of it", method: "KillMachine", args: []any{"my-c1", "all", int32(9)}, state: true},
		{name: "create ex: half a leader", before: "leader", method: "CreateMachineEx", args: []any{"my-c1", []prop{
			{"Class", dbus.MakeVariant("container")}, {"LeaderPID", dbus.MakeVariant(uint32(7))}}, noProps}},
		{name: "create ex", method: "CreateMachineEx", args: []any{"my-c1", ofLeader{{"Class", dbus.MakeVariant("container")}}, noProps}, state: true},
		{name: "terminate it", method: "TerminateMachine", args: []any{"my-c1"}},
		{name: "create", before: "leader", method: "CreateMachine", args: append(register("my-c1", noID, "container", leaderPID{}, ""), noProps), state: true},
		{name: "kill the leader", method: "KillMachine", args: []any{"my-c1", "leader", int32(9)}, state: true},
		{name: "create: bad property", before: "leader", method: "CreateMachine", args: append(register("c2", noID, "container", leaderPID{}, ""),
			[]prop{{"Colour", dbus.MakeVariant("red")}})},
		{name: "terminate what has a bad property", method: "TerminateMachine", args: []any{"c2"}},
	}
}

func withImages() []row {
	img := manager + "/image/t1"
	return []row{
		{name: "image", before: "mkdir -p /var/lib/machines/t1/etc /var/lib/machines/.hid; echo t-host >/var/lib/machines/t1/etc/hostname; " +
			"truncate -s 64K /var/lib/machines/d1.raw; mkdir -p /etc/systemd/nspawn; touch /etc/systemd/nspawn/t1.nspawn",
			method: "GetImage", args: []any{"t1"}},
		{name: "list images", method: "ListImages"},
		{name: "image properties", path: img, method: propsIf + ".GetAll", args: []any{imageIf}},
		{name: "image hostname", method: "GetImageHostname", args: []any{"t1"}},
		{name: "image id", method: "GetImageMachineID", args: []any{"t1"}},
		{name: "image info", method: "GetImageMachineInfo", args: []any{"t1"}},
		{name: "image os-release", method: "GetImageOSRelease", args: []any{"t1"}},
		{name: "children of images", path: manager + "/image", method: "org.freedesktop.DBus.Introspectable.Introspect"},
		{name: "object: image hostname", path: img, method: imageIf + ".GetHostname"},
		{name: "object: limit", path: img, method: imageIf + ".SetLimit", args: []any{uint64(1 << 30)}},
		{name: "object: rename to itself", path: img, method: imageIf + ".Rename", args: []any{"t1"}},
		{name: "object: mark", path: img, method: imageIf + ".MarkReadOnly", args: []any{false}},
		{name: "host image hostname", method: "GetImageHostname", args: []any{".host"}},
		{name: "clone: bad name", method: "CloneImage", args: []any{"t1", "a/b", false}},
		{name: "clone: name taken", method: "CloneImage", args: []any{"t1", "d1", false}},
		{name: "clone", method: "CloneImage", args: []any{"t1", "t2", false}},
		{name: "what was cloned", before: "ls -A /var/lib/machines /etc/systemd/nspawn; ls -la --time-style=+ /var/lib/machines | grep -E 't1|t2'"},
		{name: "clone read-only", method: "CloneImage", args: []any{"d1", "d2", true}},
		{name: "what was cloned read-only", before: "ls -l --time-style=+ /var/lib/machines/d2.raw"},
		{name: "rename: bad name", method: "RenameImage", args: []any{"t2", ""}},
		{name: "rename: name taken", method: "RenameImage", args: []any{"t2", "t1"}},
		{name: "rename: the host", method: "RenameImage", args: []any{".host", "t9"}},
		{name: "rename", method: "RenameImage", args: []any{"t2", "t3"}},
		{name: "rename a disk", method: "RenameImage", args: []any{"d2", "d3"}},
		{name: "mark: the host", method: "MarkImageReadOnly", args: []any{".host", true}},
		{name: "mark", method: "MarkImageReadOnly", args: []any{"t3", true}},
		{name: "mark a disk writable", method: "MarkImageReadOnly", args: []any{"d3", false}},
		{name: "what was marked", method: "ListImages"},
		{name: "limit", method: "SetImageLimit", args: []any{"t3", uint64(1 << 30)}},
		{name: "limit: the host", method: "SetImageLimit", args: []any{".host", uint64(1 << 30)}},
		{name: "limit out of range", method: "SetImageLimit", args: []any{"t3", uint64(1 << 63)}},
		{name: "remove: the host", method: "RemoveImage", args: []any{".host"}},
		{name: "remove: unknown", method: "RemoveImage", args: []any{"none"}},
		{name: "remove: bad name", method: "RemoveImage", args: []any{"a/b"}},
		{name: "remove", method: "RemoveImage", args: []any{"t3"}},
		{name: "clean hidden", method: "CleanPool", args: []any{"hidden"}},
		{name: "remove a linked image", before: "mkdir -p /srv/t4/etc; ln -s /srv/t4 /var/lib/machines/t4", method: "RemoveImage", args: []any{"t4"}},
		{name: "what is left", before: "ls -A /var/lib/machines /etc/systemd/nspawn; ls -d /srv/t4"},
		{name: "clear away", before: "chattr -i /var/lib/machines/t*; rm -rf /var/lib/machines/{t,d}[0-9]* /var/lib/machines/.hid /etc/systemd/nspawn/t*"},
	}
}

// makeKinds makes an image of each kind, in each place.
const makeKinds = `cd /var/lib/machines
mkdir -p v1.v/v1_1.9/etc v1.v/v1_1.10/etc v1.v/v1_2.0_nios2 v1.v/v1_3.0+0-3 v1.v/other w1.raw.v x1.v m1.mstack/layer@0 m1.mstack/rw m2.mstack/layer@0
echo v-host >v1.v/v1_1.10/etc/hostname
truncate -s 64K w1.raw.v/w1_1.raw w1.raw.v/w1_2.raw l1.img
ln -s l1.img l1.raw
mkdir -p /etc/machines/p1 /run/machines/p1 /run/machines/p2 /usr/local/lib/machines/p3 /usr/local/lib/machines/p4 /usr/lib/machines/p4 \
	/usr/lib/machines/p5 /var/lib/container/p6
mkdir -p /tmp/f/etc /tmp/f/usr/lib
echo f-host >/tmp/f/etc/hostname
echo 0123456789abcdef0123456789abcdef >/tmp/f/etc/machine-id
echo ID=test >/tmp/f/usr/lib/os-release
ln -s ../usr/lib/os-release /tmp/f/etc/os-release
echo PRETTY_HOSTNAME=x >/tmp/f/etc/machine-info
truncate -s 4M r1.raw && mke2fs -q -t ext4 -d /tmp/f r1.raw
truncate -s 64K r2.raw
for i in 0 1 2 3; do [ -e /dev/loop$i ] || mknod -m 600 /dev/loop$i b 7 $i; done # a lab has those that were there when it booted`

// withKinds are calls about images that are no plain directories of the pool.
func withKinds() []row {
	img := func(name string) row {
		return row{name: "kinds: " + name, path: manager + "/image/" + name, method: propsIf + ".GetAll", args: []any{imageIf}}
	}
	return []row{
		{name: "kinds: list", before: makeKinds, method: "ListImages"},
		img("v1"), img("w1"), img("l1"), img("m1"), img("m2"), img("p1"), img("p2"), img("p3"), img("p4"), img("p5"), img("p6"),
		{name: "kinds: no version", method: "GetImage", args: []any{"x1"}},
		{name: "kinds: hostname of a version", method: "GetImageHostname", args: []any{"v1"}},
		{name: "kinds: hostname of a disk", method: "GetImageHostname", args: []any{"r1"}},
		{name: "kinds: id of a disk", method: "GetImageMachineID", args: []any{"r1"}},
		{name: "kinds: info of a disk", method: "GetImageMachineInfo", args: []any{"r1"}},
		{name: "kinds: os-release of a disk", method: "GetImageOSRelease", args: []any{"r1"}},
		{name: "kinds: a disk without anything", method: "GetImageHostname", args: []any{"r2"}},
		{name: "kinds: hostname of layers", method: "GetImageHostname", args: []any{"m1"}},
		{name: "kinds: clone a version", method: "CloneImage", args: []any{"v1", "v2", false}},
		{name: "kinds: clone layers", method: "CloneImage", args: []any{"m1", "m9", false}},
		{name: "kinds: clone the vendor's", method: "CloneImage", args: []any{"p5", "p9", false}},
		{name: "kinds: rename a version", method: "RenameImage", args: []any{"v1", "v3"}},
		{name: "kinds: rename layers", method: "RenameImage", args: []any{"m2", "m7"}},
		{name: "kinds: rename the vendor's", method: "RenameImage", args: []any{"p5", "p8"}},
		{name: "kinds: mark layers", method: "MarkImageReadOnly", args: []any{"m1", true}},
		{name: "kinds: mark the vendor's", method: "MarkImageReadOnly", args: []any{"p5", true}},
		{name: "kinds: limit layers", method: "SetImageLimit", args: []any{"m1", uint64(1 << 30)}},
		{name: "kinds: remove the vendor's", method: "RemoveImage", args: []any{"p5"}},
		{name: "kinds: remove a version", method: "RemoveImage", args: []any{"w1"}},
		{name: "kinds: remove layers", method: "RemoveImage", args: []any{"m2"}},
		{name: "kinds: remove another place's", method: "RemoveImage", args: []any{"p6"}},
		{name: "kinds: what is left", before: "cd /var/lib/machines; ls -Ad [a-z][0-9]* */*_* */layer@0 | LC_ALL=C sort"},
		{name: "kinds: clear away", before: "rm -rf /var/lib/machines/[a-z][0-9]* /tmp/f /etc/machines /run/machines /usr/local/lib/machines /usr/lib/machines /var/lib/container"},
	}
}

// withNspawn are calls about a machine that stock systemd-nspawn runs with
// users of its own.
func withNspawn() []row {
	in := func(script string) string {
		return "systemd-run -M deb -q --pipe --wait sh -c '" + script + "' </dev/null"
	}
	list := []row{
		{name: "nspawn starts", before: "systemctl start systemd-nspawn@deb && for i in $(seq 100); do " +
			"systemctl -M deb -q is-active multi-user.target 2>/dev/null && break; sleep 0.1; done; echo started"},
		{name: "nspawn: state file", before: `sed -E '/^#/d; s/=[0-9a-f]{3,}$/=…/; s/(NETIF=|SUPERVISOR=|LEADER=).*/\1…/' /run/systemd/machines/deb`},
		{name: "nspawn: unit link", before: "readlink /run/systemd/machines/unit:systemd-nspawn@deb.service"},
		{name: "nspawn: machine of a process", before: "ps -C systemd-journal -o machine= | sort"},
		{name: "nspawn: os-release", method: "GetMachineOSRelease", args: []any{"deb"}},
		{name: "nspawn: root", method: "OpenMachineRootDirectory", args: []any{"deb"}},
		{name: "nspawn: terminal", method: "OpenMachinePTY", args: []any{"deb"}},
		{name: "nspawn: shell", method: "OpenMachineShell", args: []any{"deb", "root", "/bin/true", []string{}, []string{}}},
		{name: "nspawn: login", method: "OpenMachineLogin", args: []any{"deb"}},
		{name: "nspawn: copy in", before: "rm -rf /tmp/n; mkdir -p /tmp/n/d; echo 1 >/tmp/n/f; ln /tmp/n/f /tmp/n/d/hard; ln -s f /tmp/n/link; chown 1000:1000 /tmp/n/f",
			method: "CopyToMachine", args: []any{"deb", "/tmp/n", "/root/n"}},
		{name: "nspawn: what was copied", before: in("cd /root/n; find . -printf \"%p %y %m %U %G %n %s %l;\" | tr \";\" \"\\n\" | sort")},
		{name: "nspawn: copy out", before: "rm -rf /tmp/back", method: "CopyFromMachine", args: []any{"deb", "/root/n", "/tmp/back"}},
		{name: "nspawn: what came back", before: "cd /tmp/back && find . -printf '%p %y %m %U %G %n %s %l\n' | sort"},
		{name: "nspawn: copy a link out", before: "rm -f /tmp/osr", method: "CopyFromMachine", args: []any{"deb", "/etc/os-release", "/tmp/osr"}},
		{name: "nspawn: the link", before: "readlink /tmp/osr"},
		{name: "nspawn: bind", method: "BindMountMachine", args: []any{"deb", "/tmp/n", "/mnt/n", true, true}},
		{name: "nspawn: what is bound", before: in("cat /mnt/n/f; touch /mnt/n/x")},
	}
	list = append(list, overVarlink()...)
	return append(list, []row{
		{name: "nspawn: image in use", method: "RemoveImage", args: []any{"deb"}},
		{name: "nspawn: image in use, looked into", method: "GetImageHostname", args: []any{"deb"}},
		{name: "nspawn: terminate", method: "TerminateMachine", args: []any{"deb"}},
		{name: "nspawn: after that", before: "for i in $(seq 200); do [ -e /run/systemd/machines/deb ] || break; sleep 0.1; done; ls /run/systemd/machines; " +
			"for i in $(seq 200); do [ $(systemctl show -P ActiveState systemd-nspawn@deb) = deactivating ] || break; sleep 0.1; done; " +
			"systemctl show -P Result -P ActiveState systemd-nspawn@deb"},
		{name: "nspawn starts again", before: "systemctl start systemd-nspawn@deb && echo started"},
		{name: "nspawn: kill", method: "KillMachine", args: []any{"deb", "all", int32(9)}},
		{name: "nspawn: afterwards", before: "for i in $(seq 100); do [ -e /run/systemd/machines/deb ] || break; sleep 0.1; done; ls /run/systemd/machines; systemctl reset-failed"},
	}...)
}

// asUser are calls of somebody whom polkit lets nothing (there is none in the
// lab).
func asUser() []row {
	return []row{
		{name: "user: list", user: true, method: "ListMachines"},
		{name: "user: os-release of the host", user: true, method: "GetMachineOSRelease", args: []any{".host"}},
		{name: "user: hostname of an image", user: true, method: "GetImageHostname", args: []any{"deb"}},
		{name: "user: id of an image", before: "echo 0123456789abcdef0123456789abcdef >/var/lib/machines/deb/etc/machine-id", user: true, method: "GetImageMachineID", args: []any{"deb"}},
		{name: "user: info of an image", user: true, method: "GetImageMachineInfo", args: []any{"deb"}},
		{name: "user: os-release of an image", user: true, method: "GetImageOSRelease", args: []any{"deb"}},
		{name: "user: addresses of the host", user: true, method: "GetMachineAddresses", args: []any{"none"}},
		{name: "user: shift of the host", user: true, method: "GetMachineUIDShift", args: []any{".host"}},
		{name: "user: list images", user: true, method: "ListImages"},
		{name: "user: terminal", user: true, method: "OpenMachinePTY", args: []any{".host"}},
		{name: "user: login", user: true, method: "OpenMachineLogin", args: []any{".host"}},
		{name: "user: shell", user: true, method: "OpenMachineShell", args: []any{".host", "root", "", []string{}, []string{}}},
		{name: "user: root", user: true, method: "OpenMachineRootDirectory", args: []any{".host"}},
		{name: "user: terminate", user: true, method: "TerminateMachine", args: []any{".host"}},
		{name: "user: unregister", user: true, method: "UnregisterMachine", args: []any{".host"}},
		{name: "user: copy with flags", user: true, method: "CopyFromMachineWithFlags", args: []any{".host", "/tmp", "/mnt", uint64(0)}},
		{name: "user: rename", user: true, method: "RenameImage", args: []any{"deb", "x"}},
		{name: "user: clone", user: true, method: "CloneImage", args: []any{"deb", "x", false}},
		{name: "user: mark", user: true, method: "MarkImageReadOnly", args: []any{"deb", true}},
		{name: "user: limit an image", user: true, method: "SetImageLimit", args: []any{"deb", max64}},
		{name: "user: log level", user: true, path: logPath, method: propsIf + ".Set", args: []any{"org.freedesktop.LogControl1", "LogLevel", dbus.MakeVariant("debug")}},
		{name: "user: create", before: "leader", user: true, method: "CreateMachine", args: append(register("u1", noID, "container", leaderPID{}, ""), noProps)},
		{name: "user: kill", user: true, method: "KillMachine", args: []any{".host", "leader", int32(15)}},
		{name: "user: bind", user: true, method: "BindMountMachine", args: []any{".host", "/tmp", "/mnt", false, false}},
		{name: "user: copy", user: true, method: "CopyToMachine", args: []any{".host", "/tmp", "/mnt"}},
		{name: "user: remove", user: true, method: "RemoveImage", args: []any{".host"}},
		{name: "user: pool", user: true, method: "CleanPool", args: []any{"hidden"}},
		{name: "user: limit", user: true, method: "SetPoolLimit", args: []any{max64}},
		{name: "user: register", before: "leader", user: true, method: "RegisterMachine", args: register("u1", noID, "container", leaderPID{}, "")},
	}
}
