// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// facts are those of a make-believe host.
func facts() Facts {
	return Facts{
		Tree: Tree{Init: "/usr/lib/systemd/systemd", Systemd: true},
		Base: 0x10000 * 100, BootID: [16]byte{0xb0}, MachineID: [16]byte{0xa0},
		Config: HostConfig{Localtime: true, Zone: "Europe/Oslo"},
		Host: Host{
			MachineID: [16]byte{1, 2, 3},
			OSRelease: map[string]string{"ID": "debian", "VERSION_ID": "13"},
			OSPath:    "/etc/os-release",
			Systemd:   true,
			Limits:    Limits{OpenFiles: 1 << 20, NProc: [2]uint64{1000, 2000}, Pending: [2]uint64{3000, 4000}},
		},
	}
}

func TestPlanGolden(t *testing.T) {
	for name, spec := range map[string]Spec{
		"boot": {Name: "web", Root: "/var/lib/machines/web", Terminal: true, Unit: "contain@web.service"},
		"command": {
			Name: "web", Root: "/srv/tree", Command: []string{"/bin/echo", "hello"}, Hostname: "other",
			Environment: map[string]string{"HOME": "/", "A": "B"}, ReadOnly: true,
		},
		"resources": {
			Name: "web", Root: "/var/lib/machines/web",
			Resources: Resources{CPU: "50%", Memory: "1G", Tasks: "100"},
			Devices:   []Device{{Path: "/dev/dri", Target: "/dev/gpu/dri"}},
		},
		"process": processSpec(),
	} {
		t.Run(name, func(t *testing.T) {
			f := facts()
			if len(spec.Devices) > 0 {
				d := spec.Devices[0]
				d.Path, d.Target, d.Mode, d.User, d.Group = "/dev/dri/card0", "/dev/gpu/dri/card0", "0660", 1, 44
				f.Devices = []DeviceNode{{Device: d, Mode: 0o020666, Major: 226, Minor: 0}}
			}
			if len(spec.Command) > 0 {
				f.Tree = Tree{Init: spec.Command[0]}
			}
			plan, err := NewPlan(spec, f)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".plan")
			if *update {
				if err := os.WriteFile(golden, []byte(plan.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), plan.String()); diff != "" {
				t.Errorf("plan differs from %s (-golden +now):\n%s", golden, diff)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	good := Spec{Name: "web-1.example", Root: "/srv"}
	if err := good.Validate(); err != nil {
		t.Errorf("refuses %+v: %v", good, err)
	}
	for _, tt := range []struct {
		change func(*Spec)
		want   string
	}{
		{func(s *Spec) { s.Name = "" }, "is not 1 to 64 characters long"},
		{func(s *Spec) { s.Name = strings.Repeat("a", 65) }, "is not 1 to 64 characters long"},
		{func(s *Spec) { s.Name = "a/b" }, "is not a host name"},
		{func(s *Spec) { s.Name = "-a" }, "is not a host name"},
		{func(s *Spec) { s.Name = "a..b" }, "is not a host name"},
		{func(s *Spec) { s.Name = "a b" }, "is not a host name"},
		{func(s *Spec) { s.Name = "a\n" }, "is not a host name"},
		{func(s *Spec) { s.Hostname = ".x" }, "host name: "},
		{func(s *Spec) { s.Root = "relative" }, "is not an absolute path"},
		{func(s *Spec) { s.Environment = map[string]string{"A=": "b"} }, "is not NAME=VALUE"},
		{func(s *Spec) { s.Environment = map[string]string{"": "b"} }, "is not NAME=VALUE"},
		{func(s *Spec) { s.Command = []string{"/bin/a\x00b"} }, "NUL byte"},
	} {
		bad := good
		tt.change(&bad)
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got error %v, want %q", bad, err, tt.want)
		}
	}
}

func TestInspect(t *testing.T) {
	write := func(t *testing.T, root, name, text string, mode os.FileMode) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	link := func(t *testing.T, root, to, name string) {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	const id = "0123456789abcdef0123456789abcdef"
	for name, tt := range map[string]struct {
		lay     func(t *testing.T, root string)
		command []string
		want    Tree
		err     string
	}{
		"systemd": {
			lay: func(t *testing.T, root string) {
				write(t, root, "usr/lib/systemd/systemd", "", 0o755)
				write(t, root, "etc/machine-id", id+"\n", 0o644)
			},
			want: Tree{Init: "/usr/lib/systemd/systemd", Systemd: true,
				MachineID: [16]byte{1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}},
		},
		"link to systemd": {
			lay: func(t *testing.T, root string) {
				write(t, root, "opt/systemd/systemd", "", 0o755)
				link(t, root, "/opt/systemd/systemd", "sbin/init")
			},
			want: Tree{Init: "/sbin/init", Systemd: true},
		},
		"script": {
			lay:  func(t *testing.T, root string) { write(t, root, "sbin/init", "#!/bin/sh", 0o755) },
			want: Tree{Init: "/sbin/init"},
		},
		"uninitialized id": {
			lay: func(t *testing.T, root string) {
				write(t, root, "sbin/init", "", 0o755)
				write(t, root, "etc/machine-id", "uninitialized\n", 0o644)
			},
			want: Tree{Init: "/sbin/init"},
		},
		"empty":          {lay: func(*testing.T, string) {}, err: "has no init"},
		"not executable": {lay: func(t *testing.T, root string) { write(t, root, "sbin/init", "", 0o644) }, err: "has no init"},
		"link to the host": {
			lay: func(t *testing.T, root string) { link(t, root, "../../../../../../../../bin/sh", "sbin/init") },
			err: "has no init",
		},
		"link to oneself": {
			lay: func(t *testing.T, root string) { link(t, root, "/proc/self/exe", "sbin/init") },
			err: "has no init",
		},
		"command":          {lay: func(t *testing.T, root string) { write(t, root, "bin/a", "", 0o755) }, command: []string{"/bin/a"}, want: Tree{Init: "/bin/a"}},
		"no command":       {lay: func(*testing.T, string) {}, command: []string{"/bin/a"}, err: `run "/bin/a" in the machine`},
		"relative command": {lay: func(*testing.T, string) {}, command: []string{"a"}, err: "is not an absolute path"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			tt.lay(t, root)
			got, err := Inspect(Spec{Name: "web", Root: root, Command: tt.command})
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("tree (-want +got):\n%s", diff)
			}
		})
	}
}
