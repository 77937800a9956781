// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"machined-go/boot/settings"
)

func TestConfigShow(t *testing.T) {
	want := `# /etc/machined-go/machines/web.toml
# /usr/lib/machined-go/profiles/base.toml
# /etc/machined-go/machines/toml.d/10-site.toml
# /etc/machined-go/machines/web.toml.d/20-tasks.toml
hostname = "www"

[environment]
LANG = "C.UTF-8"
LOG = "+%%s"
SITE = "web"

[resources]
cpu = "50%"
memory = "1G"
tasks = "500"

[[device]]
path = "/dev/fuse"

[[device]]
path = "/dev/dri"
`
	if out, errout, status := newHost(t).mctl(t, "config", "show", "web"); out != want || status != 0 {
		t.Errorf("status %d, %s\n%s", status, errout, out)
	}
	h := newHost(t)
	h.files = t.TempDir()
	if out, _, _ := h.mctl(t, "config", "show", "web"); out != "# There are no settings for web.\n" {
		t.Errorf("got %q", out)
	}
}

// editing makes the editor a shell script that gets the file as $1.
func editing(t *testing.T, script string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "editor")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SYSTEMD_EDITOR", path)
	t.Setenv("TMPDIR", t.TempDir())
}

func TestConfigEdit(t *testing.T) {
	const own = "/etc/machined-go/machines/"
	for name, tt := range map[string]struct {
		machine, script string
		before          map[string]string
		path, want      string // the file afterwards; no text: there is none
		out, errout     string
	}{
		"a new file":             {"cache", "echo 'read_only = true' >>$1", nil, own + "cache.toml", "# Settings of machine cache: see machine.toml(5).", own + "cache.toml is written", ""},
		"nothing written":        {"cache", "true", nil, own + "cache.toml", "", "", ""},
		"only remarks":           {"cache", "echo '# x' >>$1", nil, own + "cache.toml", "", "", ""},
		"a running machine's":    {"web", "sed -i s/www/w3/ $1", nil, own + "web.toml", "hostname = \"w3\"", "takes effect at the next start of web", ""},
		"a mistake":              {"web", "echo 'x_y = 1' >$1", nil, own + "web.toml", "hostname = \"www\"", "", `there is no setting "x_y"`},
		"the editor fails":       {"web", "echo 'read_only = true' >$1; false", nil, own + "web.toml", "hostname = \"www\"", "", "run editor"},
		"somebody else was here": {"web", "echo >>$1; echo 'hostname = \"other\"' >" + "FILES" + own + "web.toml", nil, own + "web.toml", "hostname = \"other\"", "", "has been changed by somebody else"},
		"on top of another file": {"job-1", "echo 'read_only = true' >>$1", nil, own + "job-1.toml.d/override.toml", "# hostname = \"job%i\"", "override.toml is written", ""},
		"through a link": {
			"cache", "echo 'read_only = true' >>$1", map[string]string{own + "cache.toml": "-> web.toml"}, own + "web.toml", "read_only = true", "web.toml is written", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			editing(t, strings.ReplaceAll(tt.script, "FILES", h.files))
			for path, text := range tt.before {
				if err := os.Symlink(strings.TrimPrefix(text, "-> "), h.files+path); err != nil {
					t.Fatal(err)
				}
			}
			out, errout, status := h.mctl(t, "config", "edit", tt.machine)
			if !strings.Contains(out, tt.out) || !strings.Contains(errout, tt.errout) || (status != 0) != (tt.errout != "") {
				t.Errorf("status %d, %q, %q", status, out, errout)
			}
			got, _ := os.ReadFile(h.files + tt.path)
			if !strings.Contains(string(got), tt.want) || tt.want == "" && len(got) > 0 {
				t.Errorf("%s has\n%s", tt.path, got)
			}
			left, _ := filepath.Glob(os.Getenv("TMPDIR") + "/*/*.toml")
			if (len(left) > 0) != (tt.errout != "") {
				t.Errorf("left %v", left)
			}
			if tt.errout != "" && !strings.Contains(errout, "what you wrote is in "+left[0]) {
				t.Errorf("not said where it is: %q", errout)
			}
		})
	}
}

// A machine that runs is compared with what it was started with.
func TestConfigDiffRunning(t *testing.T) {
	h := newHost(t)
	h.machines["web"].service = ourService
	a := h.app(t, new(strings.Builder), new(strings.Builder))
	set, err := a.loadSettings("web")
	if err != nil {
		t.Fatal(err)
	}
	a.settings.Note("web", set)
	began := noon().Add(-26 * time.Hour)
	if err := os.Chtimes(h.files+"/run/machined-go/started/web.toml", began, began); err != nil {
		t.Fatal(err)
	}
	if out, _, _ := h.mctl(t, "config", "diff", "--changed", "web"); out != "KEY  DEFAULT  SETTING  RUNNING\n" {
		t.Errorf("nothing has changed, but: %s", out)
	}
	for _, line := range []string{"set web resources.memory 3G", "unset web device", "set web read_only yes"} {
		if _, errout, status := h.mctl(t, append([]string{"config"}, strings.Fields(line)...)...); status != 0 {
			t.Fatal(errout)
		}
	}
	want := `KEY               DEFAULT  SETTING  RUNNING
read_only         false    true     -
resources.memory           "3G"     "1G"
device            []       -        [{ path = "/dev/fuse" }, { path = "/dev/dri" }]
`
	if out, _, _ := h.mctl(t, "config", "diff", "--changed", "web"); out != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
	// What was noted for another run of it does not count.
	if err := os.Chtimes(h.files+"/run/machined-go/started/web.toml", noon(), noon()); err != nil {
		t.Fatal(err)
	}
	if out, _, _ := h.mctl(t, "config", "diff", "web"); strings.Contains(out, "RUNNING") {
		t.Errorf("an old note counts:\n%s", out)
	}
}

func TestConfigSchema(t *testing.T) {
	out, _, status := newHost(t).mctl(t, "config", "schema")
	shipped, err := os.ReadFile("../../dist/machine.toml.schema.json")
	if err != nil || status != 0 || out != string(shipped) {
		t.Errorf("status %d, %v: mctl config schema prints another schema than dist/ has", status, err)
	}
	var schema struct{ Properties map[string]any }
	if err := json.Unmarshal([]byte(out), &schema); err != nil || schema.Properties["network"] == nil {
		t.Errorf("%v, %v", err, schema)
	}
}

func TestCompletionKnowsSettings(t *testing.T) {
	out, _, _ := newHost(t).mctl(t, "__completeNoDesc", "config", "set", "web", "network.v")
	if want := "network.veth\nnetwork.veth_extra\n:4\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

// Settings are read where they are on a host.
func TestSettingsOfTheHost(t *testing.T) {
	if got := newApp(os.Stdin, os.Stdout, os.Stderr).settings.Dirs; len(got) != 3 || got[0] != settings.System().Dirs[0] {
		t.Errorf("settings are looked for in %v", got)
	}
}
