// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"machined-go/boot"
	"machined-go/boot/sys"
)

// makeBelieve are surroundings with two devices and a user.
type makeBelieve struct{}

func (makeBelieve) Device(path string) (major, minor uint32, err error) {
	switch path {
	case "/dev/vda":
		return 253, 0, nil
	case "/dev/fuse":
		return 10, 229, nil
	}
	return 0, 0, errors.New("no such device")
}

func (makeBelieve) Account(user string) (Account, error) {
	if user != "app" {
		return Account{}, errNoUser
	}
	return Account{Name: "app", Home: "/srv/app", UID: 1000, GID: 1001, Groups: []uint32{5}}, nil
}

// shifted is a layout with a user namespace.
func shifted() Layout {
	all := []sys.IDMap{{Inside: 0, Outside: 0x80000, Count: 65536}}
	return Layout{Root: RootName, IDs: &sys.IDMaps{Users: all, Groups: all}}
}

// facts are what a machine that is turned into a bundle depends on.
func facts() boot.Facts {
	return boot.Facts{
		Tree: boot.Tree{Init: "/sbin/init"}, Base: 0x80000,
		Host:    boot.Host{Limits: boot.Limits{OpenFiles: 1 << 20, NProc: [2]uint64{1, 2}, Pending: [2]uint64{3, 4}}},
		Devices: []boot.DeviceNode{{Device: boot.Device{Path: "/dev/dri/card0", Access: "r", User: 3}, Mode: unix.S_IFCHR | 0o660, Major: 226}},
	}
}

// write makes the configuration of a spec, as JSON.
func write(t *testing.T, spec boot.Spec, l Layout) (string, []Note) {
	t.Helper()
	spec.Name, spec.Root = "web", "/var/lib/machines/web"
	plan, err := boot.NewPlan(spec, facts())
	if err != nil {
		t.Fatal(err)
	}
	config, notes, err := Make(plan, l, makeBelieve{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n", notes
}

// rich asks for much of what a bundle can say.
func rich() boot.Spec {
	no, score := false, 321
	return boot.Spec{
		Hostname: "www", Command: []string{"/usr/bin/httpd", "-v"}, User: "app", WorkingDirectory: "/srv", KillSignal: "SIGUSR1",
		Environment: map[string]string{"LANG": "de_DE.UTF-8", "TERM": "dumb"}, MachineID: strings.Repeat("ab", 16), Personality: "x86",
		Volatile: "state", Inaccessible: []string{"/etc/shadow"},
		Binds: []boot.Bind{
			{Source: "/srv/www", Target: "/srv", ReadOnly: true}, {Source: "/home", Map: "map", Recursive: &no}, {Source: "/etc", Target: "/usr/etc", Inside: true},
		},
		Tmpfs:    []boot.Tmpfs{{Target: "/srv/tmp", Options: "size=1m,noexec"}},
		Volumes:  []boot.Volume{{Name: "data", Target: "/data"}},
		Security: boot.Security{DropCapabilities: []string{"CAP_SYS_ADMIN"}, AmbientCapabilities: []string{"CAP_KILL"}, NoNewPrivileges: true, DenySystemCalls: []string{"@mount"}},
		Limits:   boot.ProcLimits{Rlimit: map[string]string{"nofile": "77:99"}, OOMScoreAdjust: &score},
		Network:  boot.Network{Private: &no},
		Resources: boot.Resources{
			CPU: "150%", CPUWeight: 250, CPUs: "0-2,5", Memory: "1G", MemoryHigh: "900M", MemoryLow: "100M", Swap: "1G", Tasks: "77", IOWeight: 50,
			IORead: map[string]string{"/dev/vda": "1M"}, IOWriteOps: map[string]string{"/dev/vda": "100"},
		},
	}
}

func TestMakeGolden(t *testing.T) {
	for name, spec := range map[string]boot.Spec{"made": {}, "made-rich": rich()} {
		got, notes := write(t, spec, shifted())
		for _, n := range notes {
			got += "note " + n.String() + "\n"
		}
		golden := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-golden +now):\n%s", golden, diff)
		}
	}
}

// What is made is read again, without a word about it, and means what the machine's plan did.
func TestMadeIsRead(t *testing.T) {
	for _, l := range []Layout{shifted(), {Root: "/srv/tree"}} {
		for name, spec := range map[string]boot.Spec{"usual": {}, "resources": {Resources: rich().Resources}} {
			text, _ := write(t, spec, l)
			said, plan, err := translate([]byte(text), host)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if strings.Contains(said, "note ") {
				t.Errorf("%s:\n%s", name, said)
			}
			want, err := spec.Resources.Properties()
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range want {
				_, perDevice := p.Value.([]boot.DeviceAmount) // whose devices have another name then
				if !perDevice && !slices.ContainsFunc(plan.Properties, func(q boot.UnitProperty) bool { return reflect.DeepEqual(p, q) }) {
					t.Errorf("%s: %s became %v", name, p, plan.Properties)
				}
			}
		}
	}
}

// Whatever a machine can be told, a bundle says or we do.
func TestNothingIsLost(t *testing.T) {
	plain, _ := write(t, boot.Spec{}, shifted())
	tried := map[string]string{ // settings that mean nothing alone, or for which another value is needed
		"machine_id": strings.Repeat("ab", 16), "kill_signal": "SIGTERM", "personality": "x86", "console": "passive", "volatile": "overlay", "user": "app",
		"pivot_root": "/x", "users.namespace": "no", "users.ownership": "off", "users.bind_shell": "no", "security.selinux_context": "x",
		"integration.resolv_conf": "copy-host", "integration.timezone": "copy", "integration.link_journal": "guest", "network.mac": "02:00:00:00:00:01",
		"network.namespace_path": "/run/netns/x", "network.private": "false", "resources.cpu": "10%", "resources.slice": "x.slice",
		"security.add_capabilities": "CAP_SYS_TIME", "security.drop_capabilities": "CAP_KILL", "security.ambient_capabilities": "CAP_KILL",
		"security.allow_system_calls": "bpf", "security.deny_system_calls": "mount", "security.allow_address_families": "AF_INET",
		"security.deny_address_families": "AF_INET", "limits.rlimit": "nofile=77:99", "resources.cpus": "0", "resources.memory": "1G",
		"resources.memory_high": "1G", "resources.memory_low": "1G", "resources.swap": "1G", "resources.tasks": "7", "resources.io_read": "/dev/vda=1M",
		"resources.io_write": "/dev/vda=1M", "resources.io_read_ops": "/dev/vda=1", "resources.io_write_ops": "/dev/vda=1",
		"resources.properties": "MemoryMin=1M",
	}
	// A layout says whose the files are, and which ids there are.
	exempt := []string{"users.namespace", "users.base", "users.count", "users.ownership", "device"} // devices are in facts
	var walk func(v reflect.Value, prefix string, set func(reflect.Value) boot.Spec)
	check := func(key string, spec boot.Spec) {
		t.Helper()
		if slices.Contains(exempt, key) {
			return
		}
		made(t, spec, plain, key)
	}
	walk = func(v reflect.Value, prefix string, set func(reflect.Value) boot.Spec) {
		for i := range v.NumField() {
			f := v.Type().Field(i)
			key := f.Tag.Get("toml")
			if key == "" || key == "-" {
				continue
			}
			if f.Type.Kind() == reflect.Struct {
				walk(v.Field(i), key+".", func(inner reflect.Value) boot.Spec {
					section := reflect.New(f.Type).Elem()
					section.Set(inner)
					whole := reflect.New(v.Type()).Elem()
					whole.Field(i).Set(section)
					return set(whole)
				})
				continue
			}
			section := reflect.New(v.Type()).Elem()
			section.Field(i).Set(some(f.Type, tried[prefix+key]))
			check(prefix+key, set(section))
		}
	}
	walk(reflect.ValueOf(boot.Spec{}), "", func(v reflect.Value) boot.Spec { return v.Interface().(boot.Spec) })
}

// made checks that a spec makes another configuration, or a note of its key.
func made(t *testing.T, spec boot.Spec, plain, key string) {
	t.Helper()
	spec.Name, spec.Root = "web", "/var/lib/machines/web"
	if key == "security.ambient_capabilities" {
		spec.Command = []string{"/sbin/init"}
	}
	plan, err := boot.NewPlan(spec, facts())
	if err != nil { // it is of use together with others only: the notes need no plan that could be carried out
		base := boot.Spec{Name: spec.Name, Root: spec.Root}
		if plan, err = boot.NewPlan(base, facts()); err != nil {
			t.Fatal(err)
		}
		plan.Spec = spec
	}
	config, notes, err := Make(plan, shifted(), makeBelieve{})
	if err != nil {
		t.Fatalf("%s: %v", key, err)
	}
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	noted := slices.ContainsFunc(notes, func(n Note) bool {
		name, _, _ := strings.Cut(n.Path, "[")
		return n.Path == key || name == key
	})
	if !noted && bytes.Equal(append(text, '\n'), []byte(plain)) {
		t.Errorf("%s is neither in the bundle nor noted: %v", key, notes)
	}
}

// some is a value of a type that is not zero.
func some(t reflect.Type, text string) reflect.Value {
	v := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		if t.Elem().Kind() == reflect.Bool {
			v.Elem().SetBool(text != "false")
		} else {
			v.Elem().Set(some(t.Elem(), text))
		}
	case reflect.String:
		v.SetString("/x")
		if text != "" {
			v.SetString(text)
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Slice:
		v.Set(reflect.Append(v, some(t.Elem(), text)))
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		name, value, _ := strings.Cut(text, "=")
		v.SetMapIndex(some(t.Key(), name), some(t.Elem(), value))
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.Type.Kind() == reflect.String && f.Name != "Map" {
				v.Field(i).SetString("/x")
			}
		}
	}
	return v
}
