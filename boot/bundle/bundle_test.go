// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"machined-go/boot"
	"machined-go/boot/caps"
)

var update = flag.Bool("update", false, "write the golden files anew")

// host is a make-believe host.
var host = Host{Caps: caps.All, Umask: 0o022}

// translate makes a plan of a configuration, as text, with what is reported before it.
func translate(text []byte, host Host) (string, *boot.Plan, error) {
	config, notes, err := Parse(text)
	if err != nil {
		return "", nil, err
	}
	b := &Bundle{Dir: "/srv", Root: "/srv/rootfs", Config: config, Notes: notes}
	spec, notes, err := b.Spec("name", host)
	if err != nil {
		return "", nil, err
	}
	plan, err := boot.NewPlan(spec, boot.Facts{Base: 0x80000})
	if err != nil {
		return "", nil, err
	}
	var out strings.Builder
	for _, n := range notes {
		out.WriteString("note " + n.String() + "\n")
	}
	return out.String() + plan.String(), plan, nil
}

// The configurations are what the tools of these names write; all has something of everything.
func TestGolden(t *testing.T) {
	for _, name := range []string{"runc", "crun", "umoci", "podman", "all"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := translate(text, host)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".plan")
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
				t.Errorf("plan differs from %s (-golden +now):\n%s", golden, diff)
			}
		})
	}
}

// changed is a configuration that runs, with the value at path, of names and numbers, set to another.
func changed(t *testing.T, path string, value string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/all.json")
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	var to any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := errors.Join(decoder.Decode(&tree), json.Unmarshal([]byte(value), &to)); err != nil {
		t.Fatal(err)
	}
	at := tree
	steps := strings.Split(path, "/")
	for _, step := range steps[:len(steps)-1] {
		next, ok := at[step].(map[string]any)
		if !ok {
			t.Fatalf("no object at %q of %s", step, path)
		}
		at = next
	}
	at[steps[len(steps)-1]] = to
	if text, err = json.Marshal(tree); err != nil {
		t.Fatal(err)
	}
	return text
}

// What is wrong, or must not be ignored, is refused in one line that names the field.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct{ path, value, want string }{
		{"ociVersion", `"2.0.0"`, `ociVersion: "2.0.0" is not supported`},
		{"ociVersion", `"1.4.0"`, `ociVersion: "1.4.0" is too new`},
		{"ociVersion", `"1.0.0-rc5"`, "ociVersion:"},
		{"ociVersion", `1`, "ociVersion: missing"},
		{"process", `null`, "process: missing"},
		{"process/args", `[]`, "process.args: missing"},
		{"process/args", `["a\u0000b"]`, "process.args: there is a NUL byte"},
		{"process/args", `"sh"`, "process.args: string is not what belongs there, an array"},
		{"process/cwd", `"x"`, `process.cwd: "x" is not an absolute path`},
		{"process/user/uid", `-1`, "process.user.uid: number -1 is not what belongs there"},
		{"process/user/uid", `5000`, "has no user 5000"},
		{"process/user/umask", `512`, "process.user.umask:"},
		{"process/rlimits", `[{"type":"RLIMIT_X","soft":1,"hard":1}]`, `process.rlimits[0].type: "RLIMIT_X"`},
		{"process/rlimits", `[{"type":"NOFILE","soft":1,"hard":1}]`, `process.rlimits[0].type: "NOFILE"`},
		{"process/rlimits", `[{"type":"RLIMIT_AS","soft":2,"hard":1}]`, "process.rlimits[0].soft:"},
		{"process/rlimits", `[{"type":"RLIMIT_AS","soft":1,"hard":1},{"type":"RLIMIT_AS","soft":1,"hard":1}]`, "process.rlimits[1]:"},
		{"process/oomScoreAdj", `1001`, "process.oomScoreAdj:"},
		{"process/apparmorProfile", `"docker-default"`, "process.apparmorProfile: this host has no AppArmor"},
		{"process/selinuxLabel", `"system_u:x"`, "process.selinuxLabel: this host has no SELinux"},
		{"process/scheduler", `{"policy":"SCHED_ISO"}`, "process.scheduler.policy:"},
		{"process/scheduler", `{"policy":"SCHED_OTHER","nice":20}`, "process.scheduler.nice:"},
		{"process/ioPriority", `{"class":"IOPRIO_CLASS_BE","priority":8}`, "process.ioPriority.priority:"},
		{"hostname", `"` + strings.Repeat("x", 65) + `"`, "hostname:"},
		{"linux/namespaces", `[{"type":"pid"}]`, "linux.namespaces: a container without a"},
		{"linux/namespaces", `[{"type":"mount"},{"type":"mount"}]`, "linux.namespaces[1]:"},
		{"linux/namespaces", `[{"type":"mount","path":"/proc/1/ns/mnt"}]`, "linux.namespaces[0].path:"},
		{"linux/namespaces", `[{"type":"mount"},{"type":"cloud"}]`, `linux.namespaces[1].type: "cloud"`},
		{"linux/namespaces", `[{"type":"mount"},{"type":"network","path":"x"}]`, "linux.namespaces[1].path:"},
		{"linux/namespaces", `[{"type":"mount"},{"type":"uts"}]`, "linux.uidMappings: there is no"},
		{"linux/uidMappings", `[]`, "linux: uidMappings and gidMappings"},
		{"linux/uidMappings", `[{"containerID":1,"hostID":1,"size":5}]`, "has no root"},
		{"linux/uidMappings", `[{"containerID":0,"hostID":4294967295,"size":2}]`, "linux.uidMappings[0]:"},
		{"mounts", `[{"destination":"/","type":"tmpfs"}]`, "mounts[0].destination:"},
		{"mounts", `[{"destination":"/x/../..","type":"tmpfs"}]`, "mounts[0].destination:"},
		{"mounts", `[{"destination":"/x"}]`, "mounts[0].type: missing"},
		{"mounts", `[{"destination":"/x","source":"/no/such","options":["bind"]}]`, `mounts[0].source: open "/no/such": no such file`},
		{"mounts", `[{"destination":"/x","source":"../etc","options":["bind"]}]`, "mounts[0].source: \"../etc\" leads out of the bundle"},
		{"mounts", `[{"destination":"/proc","type":"proc","options":["hidepid=2"]}]`, "mounts[0].options:"},
		{"mounts", `[{"destination":"/x","source":"/usr","options":["bind"],"uidMappings":[{"containerID":0,"hostID":1,"size":1}]}]`, "mounts[0]: uidMappings"},
		{"hooks/prestart", `[{"path":"true"}]`, "hooks.prestart[0].path:"},
		{"hooks/prestart", `[{"path":"/no/such"}]`, `hooks.prestart[0]: run "/no/such": no such file`},
		{"hooks/poststop", `[{"path":"/bin/true","timeout":0}]`, "hooks.poststop[0].timeout:"},
		{"linux/devices", `[{"path":"x","type":"c","major":1,"minor":1}]`, "linux.devices[0].path:"},
		{"linux/devices", `[{"path":"/dev/x","type":"x"}]`, "linux.devices[0].type:"},
		{"linux/devices", `[{"path":"/dev/x","type":"c","major":5000,"minor":1}]`, "linux.devices[0]: 5000:1"},
		{"linux/maskedPaths", `["proc"]`, "linux.maskedPaths[0]:"},
		{"linux/maskedPaths", `["/"]`, "linux.maskedPaths[0]:"},
		{"linux/sysctl", `{"kernel.panic":"1"}`, "linux.sysctl.kernel.panic: it is a setting of the whole host"},
		{"linux/sysctl", `{"net.../kernel/panic":"1"}`, "linux.sysctl.net.../kernel/panic: it is no name"},
		{"linux/sysctl", `{"net/../kernel/panic":"1"}`, "linux.sysctl.net/../kernel/panic: it is no name"},
		{"linux/rootfsPropagation", `"x"`, "linux.rootfsPropagation:"},
		{"linux/personality", `{"domain":"BSD"}`, "linux.personality.domain:"},
		{"linux/timeOffsets", `{"realtime":{"secs":1}}`, "linux.timeOffsets.realtime:"},
		{"linux/netDevices", `{"none0":{}}`, "linux.netDevices.none0: there is no interface"},
		{"linux/netDevices", `{"lo":{"name":"a/b"}}`, `linux.netDevices.lo: "a/b" is not the name of an interface`},
		{"linux/cgroupsPath", `"a/b:c:d"`, "linux.cgroupsPath:"},
		{"linux/resources/memory", `{"swap":5}`, "linux.resources.memory.swap:"},
		{"linux/resources/devices", `[{"allow":true},{"allow":false,"type":"c","major":1,"minor":1}]`, "linux.resources.devices[1]: a device cannot be denied"},
		{"linux/resources/devices", `[{"allow":true,"type":"c","major":1},{"allow":false,"type":"c","major":1,"minor":1}]`, "linux.resources.devices[1]: a device cannot be denied"},
		{"linux/resources/devices", `[{"allow":true,"access":"x"}]`, "linux.resources.devices[0].access:"},
		{"linux/seccomp/defaultAction", `"SCMP_ACT_NOTIFY"`, "linux.seccomp.defaultAction: supervised"},
		{"linux/seccomp/listenerPath", `"/x"`, "linux.seccomp.listenerPath:"},
		{"linux/seccomp/flags", `["X"]`, "linux.seccomp.flags[0]:"},
		{"linux/seccomp/syscalls", `[{"names":["read"],"action":"X"}]`, "linux.seccomp.syscalls[0].action:"},
		{"linux/seccomp/syscalls", `[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}]`, "linux.seccomp.syscalls[0].args[0].index:"},
	} {
		_, _, err := translate(changed(t, tt.path, tt.value), host)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s = %s: got %v, want %q in one line", tt.path, tt.value, err, tt.want)
		}
	}
}

func TestVersions(t *testing.T) {
	for version, good := range map[string]bool{
		"1.0.0": true, "1.0.1": true, "1.0.2-dev": true, "1.0.2": true, "1.1.0+dev": true, "1.2.0-rc.1": true, "1.3.0": true, "1.3.9": true,
		"0.5.0-dev": false, "1.0.0-rc1": false, "1.4.0": false, "1.0": false, "1": false, "a.b.c": false, "1.0.-1": false, "2.0.0": false,
	} {
		if err := checkVersion(version); (err == nil) != good {
			t.Errorf("%q: %v", version, err)
		}
	}
}

func TestParseIsExact(t *testing.T) {
	config, notes, err := Parse([]byte(`{"ociVersion":"1.0.0","Process":{"args":["x"]},"root":{"PATH":"/","path":"rootfs"},"process":{"cwd":"/","args":["y"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if config.Process.Args[0] != "y" || config.Root.Path != "rootfs" {
		t.Errorf("names in another case are taken: %+v, %+v", config.Process, config.Root)
	}
	want := []Note{{"Process", "unknown field, ignored"}, {"root.PATH", "unknown field, ignored"}}
	if !slices.Equal(notes, want) {
		t.Errorf("notes %q, want %q", notes, want)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "ends too early"},
		{"{", "ends too early"},
		{"{\n\n x}", "line 3"},
		{"[]", "not a JSON object"},
		{`{"ociVersion":"1.0.0"} {}`, "more after the end"},
		{`{"ociVersion":"1.0.0","root":` + strings.Repeat("[", 100000), "nested more than"},
		{"{}", "ociVersion: missing"},
	} {
		_, _, err := Parse([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.20q: %v, want %q", tt.text, err, tt.want)
		}
	}
}

// bundleOf makes a bundle with that root.path.
func bundleOf(t *testing.T, root string) string {
	t.Helper()
	dir := t.TempDir()
	config := `{"ociVersion":"1.0.0","root":{"path":"` + root + `"},"process":{"args":["x"],"cwd":"/"}}`
	if err := errors.Join(os.Mkdir(dir+"/rootfs", 0o755), os.WriteFile(dir+"/config.json", []byte(config), 0o644)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRoots(t *testing.T) {
	outside := t.TempDir()
	for _, tt := range []struct {
		root string
		make func(dir string) error
		want string // of the error; empty: it is found
	}{
		{"rootfs", nil, ""},
		{"./rootfs/../rootfs", nil, ""},
		{outside, nil, ""},
		{"link", func(dir string) error { return os.Symlink("rootfs", dir+"/link") }, ""},
		{"link", func(dir string) error { return os.Symlink("..", dir+"/link") }, "leads out of the bundle"},
		{"link", func(dir string) error { return os.Symlink("/", dir+"/link") }, "leads out of the bundle"},
		{"rootfs/link/x", func(dir string) error { return os.Symlink(outside, dir+"/rootfs/link") }, "leads out of the bundle"},
		{"..", nil, "leads out of the bundle"},
		{"/", nil, "is the root of this host"},
		{"/proc/self/root", nil, "is the root of this host"},
		{"config.json", nil, "not a directory"},
		{"none", nil, "no such file"},
		{"", nil, "root.path: missing"},
	} {
		dir := bundleOf(t, tt.root)
		if tt.make != nil {
			if err := tt.make(dir); err != nil {
				t.Fatal(err)
			}
		}
		b, err := Open(dir)
		switch {
		case tt.want != "":
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("root %q: %v, want %q", tt.root, err, tt.want)
			}
		case err != nil:
			t.Errorf("root %q: %v", tt.root, err)
		case b.Root != dir+"/rootfs" && b.Root != outside:
			t.Errorf("root %q is %q", tt.root, b.Root)
		}
	}
}

func TestConfigsThatAreNone(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(file string) error
		want string
	}{
		{"missing", func(string) error { return nil }, "no such file"},
		{"folder", func(f string) error { return os.Mkdir(f, 0o755) }, "not a regular file"},
		{"link out", func(f string) error { return os.Symlink("/etc/passwd", f) }, "leads out of the bundle"},
		{"endless", func(f string) error { return os.Symlink("/dev/zero", f) }, "leads out of the bundle"},
		{"huge", func(f string) error { return errors.Join(os.WriteFile(f, nil, 0o644), os.Truncate(f, 1<<40)) }, "larger than 4 MiB"},
	} {
		dir := t.TempDir()
		if err := tt.make(dir + "/config.json"); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := Open("/no/such/bundle"); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("no folder: %v", err)
	}
}

// Whatever is in the file, it is refused in one line or makes a plan that keeps to the rules.
func FuzzConfig(f *testing.F) {
	for _, name := range []string{"runc", "crun", "umoci", "podman", "all"} {
		text, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, plan, err := translate(text, host)
		if err != nil {
			if strings.ContainsRune(err.Error(), '\n') {
				t.Errorf("error of several lines: %q", err)
			}
			return
		}
		c := plan.Spec.Container
		if !slices.ContainsFunc(c.Namespaces, func(n boot.Namespace) bool { return n.Kind == "mount" && n.Path == "" }) {
			t.Error("no mount namespace")
		}
		r := c.Rights
		if r.Effective.Without(r.Permitted)|r.Inheritable.Without(r.Bounding)|r.Ambient.Without(r.Permitted&r.Inheritable) != 0 {
			t.Errorf("rights that the kernel does not grant: %+v", r)
		}
		for _, op := range plan.Mounts {
			if strings.ContainsRune(op.String(), 0) {
				t.Errorf("NUL byte in %q", op)
			}
		}
	})
}
