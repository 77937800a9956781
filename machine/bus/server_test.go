// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"machined-go/machine"
	"machined-go/machine/bus/wire"
	"machined-go/machine/polkit"
	"machined-go/machine/systemd1"
)

// privateBus starts a dbus-daemon of the test's own.
func privateBus(t *testing.T) (address string) {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		if os.Getenv("MUST_RUN") == "1" {
			t.Fatal("no dbus-daemon, and MUST_RUN=1 forbids to skip")
		}
		t.Skip("no dbus-daemon")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "bus.conf")
	text := fmt.Sprintf(`<busconfig><type>custom</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy></busconfig>`, dir)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("dbus-daemon", "--nofork", "--print-address", "--config-file="+config)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// calmUnits is a systemd where everything works and nothing happens.
type calmUnits struct{}

func (calmUnits) State(_ context.Context, name string) (systemd1.Unit, error) {
	return systemd1.Unit{Name: name, ActiveState: "active"}, nil
}
func (calmUnits) StartScope(context.Context, systemd1.Scope) error      { return nil }
func (calmUnits) QueueStop(context.Context, string) error               { return nil }
func (calmUnits) KillUnit(context.Context, string, string, int32) error { return nil }
func (calmUnits) Freeze(context.Context, string) error                  { return nil }
func (calmUnits) Thaw(context.Context, string) error                    { return nil }

type noWatch struct{}

func (noWatch) Add(int, func()) error { return nil }
func (noWatch) Remove(int)            {}

type noHolder struct{}

func (noHolder) HoldConsole(machine.Machine, int) error { return nil }
func (noHolder) HoldNotify(machine.Machine, int) error  { return nil }
func (noHolder) Status(string) string                   { return "all well" }

// fixedLevel is a log level that nobody looks at.
type fixedLevel struct{ n int }

func (l *fixedLevel) Syslog() int     { return l.n }
func (l *fixedLevel) SetSyslog(n int) { l.n = n }

// client is a connection to a served bus.
type client struct {
	*dbus.Conn
	t     *testing.T
	heard chan string // the signals of example.Test that the server has heard
}

func serve(t *testing.T) client {
	t.Helper()
	address := privateBus(t)
	dir, err := machine.OpenDir(filepath.Join(t.TempDir(), "public"), filepath.Join(t.TempDir(), "own"))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	m := machine.NewManager(calmUnits{}, noWatch{}, dir, log)
	heard := make(chan string, 4)
	s := New(Config{Manager: m, Holder: noHolder{}, Log: log, Level: new(fixedLevel),
		Heard: func(_ dbus.ObjectPath, name string, _ func() ([]any, error)) {
			if strings.HasPrefix(name, "example.Test.") {
				heard <- name
			}
		}})
	asking, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { asking.Close() })
	path, _, _ := strings.Cut(strings.TrimPrefix(address, "unix:path="), ",")
	conn, err := wire.Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.AddMatch("type='signal',interface='example.Test'"); err != nil {
		t.Fatal(err)
	}
	s.Connect(conn, asking, polkit.New(asking))
	m.Observe(s)
	if err := s.Claim(func() bool { return false }); err != nil {
		t.Fatal(err)
	}
	go s.Serve()
	c, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return client{c, t, heard}
}

// call calls a method, named with its interface, on an object of machine1.
func (c client) call(path dbus.ObjectPath, method string, args ...any) *dbus.Call {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	return c.Object(Name, path).CallWithContext(ctx, method, 0, args...)
}

func (c client) manager(method string, args ...any) *dbus.Call {
	c.t.Helper()
	return c.call(managerPath, managerIf+"."+method, args...)
}

func leader(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd.Process.Pid
}

type noProps = []struct {
	Name  string
	Value dbus.Variant
}

func (c client) create(name string) *dbus.Call {
	c.t.Helper()
	return c.manager("CreateMachine", name, make([]byte, 16), "test", "container", uint32(leader(c.t)), "", noProps{})
}

// A signal to one connection reaches it past all match rules.
func TestHearsOnlyWhatGoesToAll(t *testing.T) {
	c := serve(t)
	for _, s := range []struct{ member, to string }{{"Forged", Name}, {"True", ""}} {
		m := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldPath: dbus.MakeVariant(managerPath), dbus.FieldInterface: dbus.MakeVariant("example.Test"),
			dbus.FieldMember: dbus.MakeVariant(s.member),
		}}
		if s.to != "" {
			m.Headers[dbus.FieldDestination] = dbus.MakeVariant(s.to)
		}
		c.Send(m, nil)
	}
	if first := <-c.heard; first != "example.Test.True" {
		t.Errorf("heard %s", first)
	}
}

func TestServeMachine(t *testing.T) {
	c := serve(t)
	if err := c.AddMatchSignal(dbus.WithMatchInterface(managerIf)); err != nil {
		t.Fatal(err)
	}
	signals := make(chan *dbus.Signal, 16)
	c.Signal(signals)
	var path dbus.ObjectPath
	if err := c.create("my-c1").Store(&path); err != nil {
		t.Fatal(err)
	}
	if path != "/org/freedesktop/machine1/machine/my_2dc1" {
		t.Errorf("path %q", path)
	}
	if s := <-signals; s.Name != managerIf+".MachineNew" || s.Body[0] != "my-c1" {
		t.Errorf("signal %v", s)
	}
	type row struct {
		Name, Class, Service string
		Path                 dbus.ObjectPath
	}
	var list []row
	if err := c.manager("ListMachines").Store(&list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Name != ".host" || list[1] != (row{"my-c1", "container", "test", path}) {
		t.Errorf("list %+v", list)
	}
	var props map[string]dbus.Variant
	if err := c.call(path, propsIf+".GetAll", "org.freedesktop.machine1.Machine").Store(&props); err != nil {
		t.Fatal(err)
	}
	if props["Name"].Value() != "my-c1" || props["State"].Value() != "running" || props["Unit"].Value() != `machine-my\x2dc1.scope` ||
		props["Id"].Signature().String() != "ay" || len(props["Id"].Value().([]byte)) != 0 {
		t.Errorf("properties %v", props)
	}
	if err := c.manager("UnregisterMachine", "my-c1").Err; err != nil {
		t.Fatal(err)
	}
	if s := <-signals; s.Name != managerIf+".MachineRemoved" {
		t.Errorf("signal %v", s)
	}
}

func TestServeErrors(t *testing.T) {
	c := serve(t)
	if err := c.create("web").Err; err != nil {
		t.Fatal(err)
	}
	const mach = "/org/freedesktop/machine1/machine/web"
	for _, x := range []struct {
		name string
		call *dbus.Call
		want string
	}{
		{"unknown machine", c.manager("GetMachine", "none"), errMachine + "NoSuchMachine"},
		{"forwarded to unknown machine", c.manager("KillMachine", "none", "all", int32(15)), errMachine + "NoSuchMachine"},
		{"unknown image", c.manager("GetImage", "none"), errMachine + "NoSuchImage"},
		{"name in use", c.create("web"), errMachine + "MachineExists"},
		{"no machine of a process", c.manager("GetMachineByPID", uint32(1)), errMachine + "NoMachineForPID"},
		{"bad name", c.create("a/b"), errBus + "InvalidArgs"},
		{"bad whom", c.manager("KillMachine", "web", "none", int32(15)), errBus + "InvalidArgs"},
		{"bad signal", c.manager("KillMachine", "web", "leader", int32(65)), errBus + "InvalidArgs"},
		{"kill the host", c.manager("KillMachine", ".host", "leader", int32(15)), errBus + "NotSupported"},
		{"wrong arguments", c.manager("GetMachine", uint32(1)), errBus + "InvalidArgs"},
		{"no arguments", c.manager("GetMachine"), errBus + "InvalidArgs"},
		{"unknown method", c.manager("Frobnicate"), errBus + "UnknownMethod"},
		{"unknown interface", c.call(managerPath, "a.b.C"), errBus + "UnknownMethod"},
		{"unknown object", c.call("/a/b", managerIf+".ListMachines"), errBus + "UnknownObject"},
		{"machine without machine", c.call(machineRoot+"/none", propsIf+".GetAll", ""), errBus + "UnknownObject"},
		{"unknown property", c.call(mach, propsIf+".Get", "org.freedesktop.machine1.Machine", "X"), errBus + "UnknownProperty"},
		{"set a property", c.call(mach, propsIf+".Set", "org.freedesktop.machine1.Machine", "Name", dbus.MakeVariant("x")), errBus + "PropertyReadOnly"},
		{"relative path of a shell", c.call(mach, "org.freedesktop.machine1.Machine.OpenShell", "root", "sh", []string{}, []string{}), errBus + "InvalidArgs"},
		{"bad environment", c.call(mach, "org.freedesktop.machine1.Machine.OpenShell", "root", "/bin/sh", []string{}, []string{"x"}), errBus + "InvalidArgs"},
		{"no log level", c.call(logPath, propsIf+".Set", logIf, "LogLevel", dbus.MakeVariant("loud")), errBus + "InvalidArgs"},
		{"copy to the host", c.manager("CopyToMachine", ".host", "/a", "/b"), errBus + "NotSupported"},
		{"copy with unknown flags", c.manager("CopyToMachineWithFlags", "web", "/a", "/b", uint64(2)), errBus + "InvalidArgs"},
		{"copy from a relative path", c.manager("CopyFromMachine", "web", "a", "/b"), errBus + "InvalidArgs"},
		{"bind beside itself", c.manager("BindMountMachine", "web", "/a/../b", "", false, false), errBus + "InvalidArgs"},
		{"map nobody", c.manager("MapFromMachineUser", "web", ^uint32(0)), errBus + "InvalidArgs"},
		{"map the host", c.manager("MapFromMachineGroup", ".host", uint32(0)), errBus + "InvalidArgs"},
		{"map to the host", c.manager("MapToMachineGroup", uint32(100)), errMachine + "NoSuchGroupMapping"},
		{"map to nobody", c.manager("MapToMachineUser", uint32(4000000000)), errMachine + "NoSuchUserMapping"},
		{"limit out of range", c.manager("SetPoolLimit", uint64(1<<63)), errBus + "InvalidArgs"},
		{"clean what", c.manager("CleanPool", "some"), errBus + "InvalidArgs"},
		{"rename to no name", c.manager("RenameImage", ".host", "a/b"), errBus + "InvalidArgs"},
		{"rename the host", c.manager("RenameImage", ".host", "x"), "System.Error.EROFS"},
		{"unbind of nobody", c.Object(OwnName, ownPath).CallWithContext(t.Context(), ownIf+".Unbind", 0, "none", "/x"), errMachine + "NoSuchMachine"},
		{"shares our network", c.manager("GetMachineAddresses", "web"), errMachine + "NoPrivateNetworking"},
	} {
		var e dbus.Error
		if !errors.As(x.call.Err, &e) || e.Name != x.want {
			t.Errorf("%s: %v, want %s", x.name, x.call.Err, x.want)
		}
	}
}

// Descriptors that come with calls are closed, whatever becomes of the call;
// those in replies are handed out and not kept.
func TestServeKeepsNoDescriptors(t *testing.T) {
	c := serve(t)
	if err := c.create("web").Err; err != nil {
		t.Fatal(err)
	}
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	round := func() {
		c.manager("RegisterMachineEx", "x", []struct {
			Name  string
			Value dbus.Variant
		}{{"LeaderPIDFD", dbus.MakeVariant(dbus.UnixFD(null.Fd()))}})
		c.call(ownPath, ownIf+".AttachNotify", "web", dbus.UnixFD(null.Fd()))
		c.call(ownPath, ownIf+".RegisterMachine", "y", map[string]dbus.Variant{"Console": dbus.MakeVariant(dbus.UnixFD(null.Fd()))})
		c.manager("Frobnicate", dbus.UnixFD(null.Fd()))
		var root dbus.UnixFD
		if err := c.manager("OpenMachineRootDirectory", "web").Store(&root); err != nil {
			t.Fatal(err)
		}
		f := os.NewFile(uintptr(root), "root")
		if st, err := f.Stat(); err != nil || !st.IsDir() {
			t.Errorf("root directory: %v, %v", st, err)
		}
		f.Close()
	}
	round()
	before := openFiles(t)
	for range 20 {
		round()
	}
	if after := openFiles(t); after > before+2 {
		t.Errorf("%d files are open, %d before", after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
