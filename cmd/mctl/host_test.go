// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"machined-go/boot/network"
	"machined-go/boot/settings"
	"machined-go/machine/client/clienttest"
	"machined-go/machine/systemd1"
)

// host is a make-believe host: a machine manager on a real wire, and a systemd
// behind the interface mctl has of it. They act together: what ends a machine
// ends its unit.
type host struct {
	bus *clienttest.Bus

	mu       sync.Mutex
	machines map[string]*fakeMachine
	images   []string
	states   map[string]systemd1.Unit
	enabled  []string
	deaf     map[string]bool // machines that do not listen to signals
	oneWay   bool            // a reboot only powers off
	badEnd   bool            // a unit that is stopped ends as failed
	leader   uint32
	files    string   // where the host's files are
	told     []string // properties that units were told
}

type fakeMachine struct {
	unit      string
	leader    uint32
	shift     uint32
	addresses []string
	service   string // who started it
}

// noon is when all tests happen.
func noon() time.Time { return time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC) }

// newHost has web (ours), db (stock nspawn, privileged), and the images cache
// and broken, of which the last has failed to start.
func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{
		bus: clienttest.Start(t), leader: 1000,
		machines: map[string]*fakeMachine{
			"web": {"machine-web.scope", 101, 524288, []string{"10.0.0.2", "fe80::1"}, "test"},
			"db":  {"systemd-nspawn@db.service", 102, 0, nil, "test"},
		},
		images: []string{".host", ".#tmp", "broken", "cache", "db", "web"},
		states: map[string]systemd1.Unit{
			"contain@web.service":       {ActiveState: "active", NRestarts: 2},
			"machine-web.scope":         {ActiveState: "active", ControlGroup: "/machine.slice/machine-web.scope"},
			"systemd-nspawn@db.service": {ActiveState: "active"},
			"contain@busy.service": {
				ActiveState: "failed", Result: "exit-code",
				StatusText: "lock image \"busy\": image is in use: see `mctl list` for the machine that runs from it",
			},
			"contain@broken.service": {
				ActiveState: "failed", Result: "exit-code",
				StatusText: `find init in image "broken": none of /usr/lib/systemd/systemd, /sbin/init is there`,
			},
		},
		deaf: map[string]bool{},
	}
	h.files = t.TempDir()
	if err := os.CopyFS(h.files, os.DirFS("testdata/files")); err != nil {
		t.Fatal(err)
	}
	h.serveManager()
	h.serveObjects()
	return h
}

const machine1 = "org.freedesktop.machine1"

func remoteError(name, format string, args ...any) error {
	return *dbus.NewError(name, []any{fmt.Sprintf(format, args...)})
}

func noMachine(name string) error {
	return remoteError(machine1+".NoSuchMachine", "No machine '%s' known", name)
}

func (h *host) serveManager() {
	handle := func(member string, answer func(args []any) ([]any, error)) {
		h.bus.Handle(machine1+".Manager."+member, func(c clienttest.Call) ([]any, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return answer(c.Args)
		})
	}
	handle("ListMachines", func([]any) ([]any, error) { return []any{h.listed()}, nil })
	handle("ListImages", func([]any) ([]any, error) { return []any{h.listedImages()}, nil })
	handle("GetMachineOSRelease", func([]any) ([]any, error) {
		return []any{map[string]string{"ID": "debian", "VERSION_ID": "12", "PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"}}, nil
	})
	handle("GetMachineUIDShift", func(args []any) ([]any, error) { return []any{h.machines[args[0].(string)].shift}, nil })
	handle("GetMachineAddresses", func(args []any) ([]any, error) { return h.addresses(args[0].(string)) })
	handle("KillMachine", func(args []any) ([]any, error) { return nil, h.kill(args[0].(string), args[2].(int32)) })
	handle("TerminateMachine", func(args []any) ([]any, error) { return nil, h.kill(args[0].(string), 9) })
}

type listedMachine struct {
	Name, Class, Service string
	Path                 dbus.ObjectPath
}

func (h *host) listed() []listedMachine {
	rows := []listedMachine{{".host", "host", "", "/org/freedesktop/machine1/machine/_2ehost"}}
	for name := range h.machines {
		rows = append(rows, listedMachine{name, "container", "test", "/org/freedesktop/machine1/machine/" + dbus.ObjectPath(name)})
	}
	return rows
}

type listedImage struct {
	Name, Type               string
	ReadOnly                 bool
	Created, Modified, Usage uint64
	Path                     dbus.ObjectPath
}

func (h *host) listedImages() []listedImage {
	var rows []listedImage
	for _, name := range h.images {
		rows = append(rows, listedImage{name, "directory", false, 0, 0, 0, "/org/freedesktop/machine1/image/x"})
	}
	return rows
}

func (h *host) addresses(name string) ([]any, error) {
	type row struct {
		Family int32
		Bytes  []byte
	}
	if h.machines[name].addresses == nil {
		return nil, remoteError(machine1+".NoPrivateNetworking", "Machine %s does not use private networking", name)
	}
	return []any{[]row{{2, []byte{10, 0, 0, 2}}, {10, append([]byte{0xfe, 0x80, 13: 0}, 0, 1)}}}, nil
}

func (h *host) serveObjects() {
	h.bus.Handle("org.freedesktop.DBus.Properties.GetAll", func(c clienttest.Call) ([]any, error) {
		h.mu.Lock()
		defer h.mu.Unlock()
		name := filepath.Base(string(c.Path))
		if strings.Contains(string(c.Path), "/image/") {
			if slices.Contains(h.images, name) {
				return []any{variants("Name", name, "Type", "directory", "Path", "/var/lib/machines/"+name)}, nil
			}
		} else if m := h.machines[name]; m != nil {
			return []any{variants("Name", name, "Id", make([]byte, 16), "Class", "container", "State", "running",
				"Service", m.service, "Unit", m.unit, "Leader", m.leader, "RootDirectory", "/var/lib/machines/"+name,
				"Timestamp", uint64(noon().Add(-26*time.Hour).UnixMicro()), "NetworkInterfaces", []int32{3, 4})}, nil
		}
		return nil, remoteError("org.freedesktop.DBus.Error.UnknownObject", "Unknown object '%s'.", c.Path)
	})
}

func variants(pairs ...any) map[string]dbus.Variant {
	all := map[string]dbus.Variant{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i].(string)] = dbus.MakeVariant(pairs[i+1])
	}
	return all
}

// kill does to a machine what a signal to its init does.
func (h *host) kill(name string, signal int32) error {
	m := h.machines[name]
	switch {
	case m == nil:
		return noMachine(name)
	case signal == int32(signalReboot) && h.oneWay:
		h.end(name)
	case signal == int32(signalReboot) && !h.deaf[name]:
		h.leader++
		m.leader = h.leader
	case signal == 9 || signal == signalPoweroff && !h.deaf[name]:
		h.end(name)
	}
	return nil
}

func (h *host) end(name string) {
	m := h.machines[name]
	if m == nil {
		return
	}
	delete(h.machines, name)
	h.states[m.unit] = systemd1.Unit{ActiveState: "inactive"}
	h.states[unitOf(name)] = systemd1.Unit{ActiveState: "inactive", Result: "success"}
	go h.bus.Emit("/org/freedesktop/machine1", machine1+".Manager.MachineRemoved", name,
		dbus.ObjectPath("/org/freedesktop/machine1/machine/"+name))
}

// app gives mctl as it would run on this host.
func (h *host) app(t *testing.T, out, errout *strings.Builder) *app {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	return &app{
		in: null, out: out, err: errout, now: noon, cgroups: "testdata/cgroup",
		bus:           func() (*dbus.Conn, error) { return dbus.Connect(h.bus.Address) },
		systemd:       func(context.Context) (units, error) { return h, nil },
		journal:       h.journal,
		interfaceName: func(index int) string { return map[int]string{3: "vz-front", 4: "eth4"}[index] },
		networks:      network.Host{Notes: h.connect(t)},
		settings: settings.Search{
			Dirs:    []string{h.files + "/etc/machined-go", h.files + "/run/machined-go", h.files + "/usr/lib/machined-go"},
			Nspawn:  []string{h.files + "/etc/systemd/nspawn", h.files + "/run/systemd/nspawn"},
			Started: h.files + "/run/machined-go/started",
		},
	}
}

// connect notes how web is connected, in a directory that it returns; it stands for the machine itself.
func (h *host) connect(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	info, err := os.Stat("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	note, err := json.Marshal(network.Record{
		Machine: "web", Leader: os.Getpid(), Namespace: info.Sys().(*syscall.Stat_t).Ino, Given: []string{"host0", "mv-eth4"},
		Ports: []network.Port{{Protocol: "tcp", Host: 8080, Inside: 80}, {Protocol: "udp", Host: 53, Inside: 53}},
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "web"), note, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// mctl runs one command line and gives what it printed and its exit status.
func (h *host) mctl(t *testing.T, args ...string) (out, errout string, status int) {
	t.Helper()
	var stdout, stderr strings.Builder
	status = h.app(t, &stdout, &stderr).main(args)
	return strings.ReplaceAll(stdout.String(), h.files, ""), strings.ReplaceAll(stderr.String(), h.files, ""), status
}
