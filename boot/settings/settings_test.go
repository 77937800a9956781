// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"machined-go/boot"
)

// lay writes files below a new directory and returns the search path in it.
func lay(t *testing.T, files map[string]string) []string {
	t.Helper()
	top := t.TempDir()
	for name, text := range files {
		path := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return []string{filepath.Join(top, "etc"), filepath.Join(top, "run"), filepath.Join(top, "usr")}
}

func TestApply(t *testing.T) {
	base := boot.Spec{Name: "web", Root: "/var/lib/machines/web", Network: boot.Network{Veth: true}}
	for name, tt := range map[string]struct {
		files map[string]string
		want  func(*boot.Spec)
	}{
		"no file": {nil, func(*boot.Spec) {}},
		"everything": {
			map[string]string{"etc/web.toml": "hostname = \"www\"\nread_only = true\nenvironment = {B = \"2\", A = \"1\"}\n[network]\nveth = false\n"},
			func(s *boot.Spec) {
				s.Hostname, s.ReadOnly, s.Network.Veth = "www", true, false
				s.Environment = map[string]string{"A": "1", "B": "2"}
			},
		},
		"etc before usr": {
			map[string]string{"etc/web.toml": "hostname = \"a\"", "usr/web.toml": "read_only = true"},
			func(s *boot.Spec) { s.Hostname = "a" },
		},
		"drop-ins by name, etc before run": {
			map[string]string{
				"usr/web.toml":           "hostname = \"a\"",
				"run/web.toml.d/10.toml": "hostname = \"run\"\nread_only = true",
				"etc/web.toml.d/10.toml": "hostname = \"b\"",
				"run/web.toml.d/20.toml": "[network]\nveth = false",
				"etc/web.toml.d/05.toml": "hostname = \"c\"",
			},
			func(s *boot.Spec) { s.Hostname, s.Network.Veth = "b", false },
		},
		"another machine's": {map[string]string{"etc/db.toml": "hostname = \"x\""}, func(*boot.Spec) {}},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := base, base
			tt.want(&want)
			if err := apply(lay(t, tt.files), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplyRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"no TOML":      {"hostname = \"a\"\nread_only = maybe\n", "etc/web.toml:2:13: "},
		"wrong type":   {"read_only = \"yes\"", "etc/web.toml: line 1 "},
		"unknown key":  {"[network]\nvet = true", `unknown setting "network.vet"`},
		"bad hostname": {"hostname = \"-\"", `host name: machine name "-" is not a host name`},
		"bad variable": {"environment = {\"A=B\" = \"c\", \"\" = \"d\"}", "is not NAME=VALUE"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := boot.Spec{Name: "web", Root: "/"}
			err := apply(lay(t, map[string]string{"etc/web.toml": tt.text}), &spec)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got error %v, want one line with %q", err, tt.want)
			}
		})
	}
}

// Settings that are taken are those that the file says, and make a spec that
// holds them or none; a refusal is one line that names the file.
func FuzzSettings(f *testing.F) {
	for _, seed := range []string{
		"hostname = \"www\"\nread_only = true\nenvironment = {B = \"2\", A = \"1\"}\n[network]\nveth = false\n",
		"hostname = \"\\n\"", "[environment]\n\"A=B\" = \"\\u0000\"", "[network]\nvet = true", "\"\\n\" = 1", "read_only = \"\\r\"", "\"\\\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := boot.Spec{Name: "web", Root: "/"}
		if err := decode("web.toml", text, &s); err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x1b") || !strings.HasPrefix(err.Error(), "web.toml") {
				t.Errorf("refusal %q", err)
			}
			return
		}
		var out strings.Builder
		if err := toml.NewEncoder(&out).Encode(s); err != nil {
			t.Fatal(err)
		}
		again := boot.Spec{Name: "web", Root: "/"}
		if err := decode("web.toml", out.String(), &again); err != nil {
			t.Fatalf("%v in %s", err, &out)
		}
		if diff := cmp.Diff(s, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("read again (-first +again):\n%s", diff)
		}
		if err := s.Validate(); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("refusal %q", err)
		}
	})
}
