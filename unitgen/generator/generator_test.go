// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// taken is a host on which machined-go is enabled and Debian's systemd-container installed. What ends in "/" is a directory, what
// has a target a link.
var taken = map[string]string{
	"etc/systemd/system/dbus-org.freedesktop.machine1.service":     "/usr/lib/systemd/system/machined-go.service",
	"usr/lib/systemd/system/dbus-org.freedesktop.machine1.service": "systemd-machined.service",
	"usr/lib/systemd/system/systemd-nspawn@.service":               "",
	"usr/local/lib/systemd/system/contain@.service":                "",
	"var/lib/machines/deb/":                                        "",
}

func TestGenerate(t *testing.T) {
	const ours = "systemd-nspawn@.service -> /usr/local/lib/systemd/system/contain@.service"
	kept := func(name, why string) []string {
		return []string{ours, "systemd-nspawn@" + name + ".service: # This machine stays with systemd-nspawn, see machined-go(8): " + why + "."}
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"by default", nil, []string{ours}},
		{"stock daemon", map[string]string{"etc/systemd/system/dbus-org.freedesktop.machine1.service": "none"}, nil},
		{"another daemon", map[string]string{"etc/systemd/system/dbus-org.freedesktop.machine1.service": "/x/other.service"}, nil},
		{"no stock unit", map[string]string{"usr/lib/systemd/system/systemd-nspawn@.service": "none", "var/lib/machines/web.roothash": ""}, []string{ours}},
		{"own template", map[string]string{"etc/systemd/system/systemd-nspawn@.service": ""}, nil},
		{"drop-ins of all", map[string]string{"etc/systemd/system/systemd-nspawn@.service.d/": ""}, nil},
		{"drop-ins of one", map[string]string{"etc/systemd/system/systemd-nspawn@web.service.d/": ""}, kept("web", "its unit has drop-ins")},
		{"limits of one", map[string]string{"etc/systemd/system.control/systemd-nspawn@my-c1.service.d/": ""}, kept("my-c1", "its unit has drop-ins")},
		{"settings", map[string]string{"etc/systemd/nspawn/web.nspawn": ""}, []string{ours}},
		{"disk image", map[string]string{"var/lib/machines/web.raw": ""}, []string{ours}},
		{"layers", map[string]string{"var/lib/machines/web.mstack/layer@0/": ""}, []string{ours}},
		{"versions", map[string]string{"var/lib/machines/web.v/web_1/": ""}, []string{ours}},
		{"disk image with verity", map[string]string{"var/lib/machines/web.raw": "", "var/lib/machines/web.roothash": ""}, kept("web", "its image has verity")},
		{"settings of ours", map[string]string{"var/lib/machines/web.toml": ""}, []string{ours}},
		{"hidden image", map[string]string{"var/lib/machines/.web.roothash": ""}, []string{ours}},
		{"no machine's name", map[string]string{"var/lib/machines/a b.roothash": ""}, []string{ours}},
		{"enabled", map[string]string{"etc/systemd/system/machines.target.wants/systemd-nspawn@web.service": "/x"}, kept("web", "it was enabled for it")},
		{"enabled for ours too", map[string]string{
			"etc/systemd/system/machines.target.wants/systemd-nspawn@web.service": "/x",
			"etc/systemd/system/machines.target.wants/contain@web.service":        "/x",
		}, []string{ours}},
		{"running", map[string]string{"sys/fs/cgroup/machine.slice/systemd-nspawn@web.service/": ""}, kept("web", "it ran when the units were last read")},
		{"running ours", map[string]string{"sys/fs/cgroup/machine.slice/contain@web.service/": ""}, []string{ours}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, dir := t.TempDir(), t.TempDir()
			fill(t, root, taken)
			fill(t, root, tt.files)
			if err := Generate(root, dir); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, list(t, dir)); diff != "" {
				t.Errorf("units (-want +got):\n%s", diff)
			}
		})
	}
}

// fill makes files below root; the target "none" takes one away.
func fill(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, target := range files {
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case target == "none":
			err = os.Remove(path)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		case target != "":
			_ = os.Remove(path)
			err = os.Symlink(target, path)
		default:
			err = os.WriteFile(path, []byte("[Unit]\n"), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// list gives each file in dir with its target or first line.
func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if target, err := os.Readlink(path); err == nil {
			all = append(all, entry.Name()+" -> "+target)
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		first, rest, _ := strings.Cut(string(text), "\n")
		if rest != "[Unit]\n" {
			t.Errorf("%s is not a copy: %q", path, text)
		}
		all = append(all, entry.Name()+": "+first)
	}
	return all
}
