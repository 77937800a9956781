// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"machined-go/boot"
)

// lay writes files below a new directory and returns the search path in it. In texts, DIR is that directory. "-> TARGET" makes a link.
func lay(t *testing.T, files map[string]string) (Search, string) {
	t.Helper()
	top := t.TempDir()
	for name, text := range files {
		path := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, ok := strings.CutPrefix(text, "-> "); ok {
			err = os.Symlink(target, path)
		} else {
			err = os.WriteFile(path, []byte(strings.ReplaceAll(text, "DIR", top)), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return Search{
		Dirs:   []string{filepath.Join(top, "etc"), filepath.Join(top, "run"), filepath.Join(top, "usr")},
		Nspawn: []string{filepath.Join(top, "nspawn")},
	}, top
}

// apply is what a start does with settings.
func (s Search) apply(spec *boot.Spec) (ignored []string, err error) {
	set, err := s.Load(spec.Name, spec.Root)
	if err != nil {
		return nil, err
	}
	for _, n := range set.Notes {
		ignored = append(ignored, n.String())
	}
	return ignored, set.Complete(spec)
}

func TestApply(t *testing.T) {
	for name, tt := range map[string]struct {
		machine string
		files   map[string]string
		want    func(*boot.Spec)
	}{
		"no file": {"web", nil, func(*boot.Spec) {}},
		"everything": {
			"web",
			map[string]string{"etc/machines/web.toml": "hostname = \"www\"\nread_only = true\nenvironment = {B = \"2\", A = \"1\"}\n[network]\nveth = false\n"},
			func(s *boot.Spec) {
				s.Hostname, s.ReadOnly, s.Network.Veth = "www", true, new(false)
				s.Environment = map[string]string{"A": "1", "B": "2"}
			},
		},
		"etc before usr": {
			"web",
			map[string]string{"etc/machines/web.toml": "hostname = \"a\"", "usr/machines/web.toml": "read_only = true"},
			func(s *boot.Spec) { s.Hostname = "a" },
		},
		"drop-ins by name, etc before run": {
			"web",
			map[string]string{
				"usr/machines/web.toml":           "hostname = \"a\"",
				"run/machines/web.toml.d/10.toml": "hostname = \"run\"\nread_only = true",
				"etc/machines/web.toml.d/10.toml": "hostname = \"b\"",
				"run/machines/web.toml.d/20.toml": "[network]\nveth = false",
				"etc/machines/web.toml.d/05.toml": "hostname = \"c\"",
				"etc/machines/web.toml.d/.x.toml": "no TOML",
				"etc/machines/web.toml.d/README":  "no TOML",
			},
			func(s *boot.Spec) { s.Hostname, s.Network.Veth = "b", new(false) },
		},
		"another machine's": {"web", map[string]string{"etc/machines/db.toml": "hostname = \"x\""}, func(*boot.Spec) {}},
		"masked": {
			"web",
			map[string]string{
				"etc/machines/web.toml":           "-> /dev/null",
				"usr/machines/web.toml":           "hostname = \"a\"",
				"etc/machines/web.toml.d/10.toml": "-> /dev/null",
				"usr/machines/web.toml.d/10.toml": "read_only = true",
			},
			func(*boot.Spec) {},
		},
		"a template, and its drop-ins": {
			"web-a-1",
			map[string]string{
				"etc/machines/web-.toml":             "hostname = \"%p-%i\"",
				"usr/machines/web-a-.toml":           "hostname = \"%i.%p.%j\"",
				"etc/machines/web-.toml.d/10.toml":   "environment = { A = \"web-\", I = \"%i\" }",
				"etc/machines/web-a-.toml.d/10.toml": "environment = { B = \"web-a-\", I = \"%i\" }",
				"etc/machines/toml.d/20.toml":        "environment = { C = \"all\", P = \"%p\" }",
			},
			func(s *boot.Spec) {
				s.Hostname = "1.web-a.1"
				s.Environment = map[string]string{"B": "web-a-", "I": "1", "C": "all", "P": "web-a-1"}
			},
		},
		"its own file before a template": {
			"web-1",
			map[string]string{"etc/machines/web-.toml": "hostname = \"x\"", "usr/machines/web-1.toml": "read_only = true"},
			func(s *boot.Spec) { s.ReadOnly = true },
		},
		"a link to a template": {
			"web-1",
			map[string]string{"etc/machines/web-.toml": "hostname = \"%p.%i\"", "etc/machines/web-1.toml": "-> web-.toml"},
			func(s *boot.Spec) { s.Hostname = "web.1" },
		},
		"profiles come before what includes them": {
			"web",
			map[string]string{
				"etc/machines/web.toml":             "include = [\"one\", \"two\"]\nhostname = \"own\"",
				"usr/profiles/one.toml":             "include = [\"base\"]\nhostname = \"one\"\nenvironment = { A = \"one\", B = \"one\" }",
				"etc/profiles/two.toml":             "include = [\"base\"]\nenvironment = { B = \"two\" }",
				"run/profiles/base.toml":            "read_only = true\nenvironment = { A = \"base\", B = \"base\", C = \"base\" }",
				"etc/profiles/base.toml.d/10.toml":  "environment = { D = \"drop-in of base\" }",
				"usr/profiles/two.toml.d/10.toml":   "environment = { E = \"%M\" }",
				"etc/machines/web.toml.d/zero.toml": "environment = { F = \"%%\" }",
			},
			func(s *boot.Spec) {
				s.Hostname, s.ReadOnly = "own", true
				s.Environment = map[string]string{"A": "one", "B": "two", "C": "base", "D": "drop-in of base", "E": "web", "F": "%"}
			},
		},
		"reset": {
			"web",
			map[string]string{
				"etc/machines/web.toml": "hostname = \"a\"\nread_only = true\nenvironment = { A = \"1\", B = \"2\" }\n[network]\nveth = false",
				"etc/machines/web.toml.d/10.toml": "reset = [\"hostname\", \"environment.A\", \"network\"]\n" +
					"environment = { C = \"3\" }",
			},
			func(s *boot.Spec) { s.ReadOnly, s.Environment = true, map[string]string{"B": "2", "C": "3"} },
		},
		"command lines are replaced": {
			"web",
			map[string]string{
				"etc/machines/web.toml":           "command = [\"/bin/a\", \"1\"]",
				"etc/machines/web.toml.d/10.toml": "command = [\"/bin/b\"]",
			},
			func(s *boot.Spec) { s.Command = []string{"/bin/b"} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := boot.Spec{Name: tt.machine, Root: "/var/lib/machines/" + tt.machine, Network: boot.Network{Veth: new(true)}}
			want := got
			tt.want(&want)
			search, _ := lay(t, tt.files)
			ignored, err := search.apply(&got)
			if err != nil || len(ignored) > 0 {
				t.Fatal(err, ignored)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

// Settings of kinds that cannot all be validated on every host: what is set, before that is asked.
func TestMerge(t *testing.T) {
	search, _ := lay(t, map[string]string{
		"etc/machines/web.toml": `
			[network]
			ports = ["tcp:80", "tcp:443"]
			[[bind]]
			source = "/srv"
			[[bind]]
			source = "/a"
			target = "/b"
			[users]
			base = 4_000_000_000
			[limits]
			oom_score_adjust = -5
			rlimit = { nofile = "1024" }
			[[integration.credential]]
			id = "x"
			value = "1"`,
		"etc/machines/web.toml.d/10.toml": `
			[network]
			private = false
			ports = ["tcp:443", "udp:53"]
			[[bind]]
			source = "/c"
			target = "/b"
			read_only = true
			[[bind]]
			source = "/d"
			[limits.rlimit]
			nproc = "5"
			[[integration.credential]]
			id = "x"
			value = "2"`,
		"etc/machines/web.toml.d/20.toml": "security.add_capabilities = [\"CAP_SYS_TIME\"]",
		"etc/machines/web.toml.d/30.toml": "security.add_capabilities = []",
	})
	set, err := search.Load("web", "")
	if err != nil {
		t.Fatal(err)
	}
	var got boot.Spec
	if err := set.Apply(&got); err != nil {
		t.Fatal(err)
	}
	no, score := false, -5
	want := boot.Spec{
		Network: boot.Network{Ports: []string{"tcp:80", "tcp:443", "udp:53"}, Private: &no},
		Binds:   []boot.Bind{{Source: "/srv"}, {Source: "/c", Target: "/b", ReadOnly: true}, {Source: "/d"}},
		Users:   boot.Users{Base: 4_000_000_000},
		Limits:  boot.ProcLimits{OOMScoreAdjust: &score, Rlimit: map[string]string{"nofile": "1024", "nproc": "5"}},
		Integration: boot.Integration{
			Credentials: []boot.Credential{{ID: "x", Value: "2"}},
		},
		Security: boot.Security{AddCapabilities: []string{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

func TestApplyRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"no TOML":            {"hostname = \"a\"\nread_only = maybe\n", "etc/machines/web.toml:2:13: "},
		"wrong type":         {"read_only = \"yes\"", `web.toml:1:1: "read_only" is a string, but must be true or false: write read_only = true`},
		"a number":           {"[resources]\ntasks = 5", `web.toml:2:1: "resources.tasks" is an integer, but must be a string: write tasks = "5"`},
		"no list":            {"[network]\nports = \"80\"", `"network.ports" is a string, but must be a list of strings: write ports = ["80"]`},
		"wrong item":         {"[network]\nports = [\n\"80\",\n  80,\n]", `web.toml:4:3: "network.ports" is an integer, but must be a string`},
		"no list of tables":  {"[bind]\nsource = \"/a\"", `web.toml:1:2: "bind" is a table, but must be a list of tables: write [[bind]]`},
		"no section":         {"network = true", `web.toml:1:1: "network" is true, but must be a table`},
		"too big":            {"users.base = 4294967296", `web.toml:1:1: "users.base" is 4294967296, but must be from 0 to 4294967295`},
		"negative":           {"users.base = -1", `"users.base" is -1, but must be from 0 to`},
		"a date":             {"hostname = 2026-01-01", `"hostname" is a date or time, but must be a string`},
		"two marks":          {"\ufeff\ufeffread_only = true", "web.toml:1:1: this is a second byte order mark"},
		"added to a list":    {"[network]\nports = [\"80\"]\nports.tcp = 80", `web.toml:3:1: "ports" was given a value before, on line 2`},
		"unknown key":        {"[network]\nvet = true", `web.toml:2:1: there is no setting "network.vet": did you mean "network.veth"?`},
		"in a list":          {"[[bind]]\nsource = \"/\"\n[[bind]]\n  tagret = \"/x\"", `web.toml:4:3: there is no setting "bind.tagret": did you mean "bind.target"?`},
		"in an inline table": {"bind = [ { source = \"/\" },\n  { sorce = \"/x\" } ]", `web.toml:2:5: there is no setting "bind.sorce": did you mean "bind.source"?`},
		"swapped letters":    {"hsotname = \"x\"", `there is no setting "hsotname": did you mean "hostname"?`},
		"hyphen":             {"read-only = true", `did you mean "read_only"?`},
		"elsewhere":          {"memory = \"2G\"", `there is no setting "memory": did you mean "resources.memory"?`},
		"unknown section":    {"[netwrok]\nveth = true", `web.toml:1:2: there is no setting "netwrok": did you mean "network"?`},
		"nothing near":       {"frobnicate = 1", `there is no setting "frobnicate": see machine.toml(5)`},
		"bad hostname":       {"read_only = true\nhostname = \"-\"", `web.toml:2:1: hostname: host name: machine name "-" is not a host name`},
		"bad variable":       {"environment = {\"A=B\" = \"c\", C = \"d\"}", `web.toml:1:16: environment."A=B": environment variable "A=B" is not NAME=VALUE`},
		"unknown specifier":  {"hostname = \"%z\"", `web.toml:1:1: "hostname": %z stands for nothing: write %%z for a percent sign`},
		"no such profile":    {"\ninclude = [\"base\"]", `web.toml:2:12: include profile "base": there is no such file in `},
		"cycle":              {"include = [\"loop\"]", `loop2.toml:1:12: profile "loop" includes itself: loop includes loop2 includes loop`},
		"no profile's name":  {"include = [\"../x\"]", `web.toml:1:12: "../x" is no name of a profile`},
		"unknown reset":      {"reset = [\"network.prots\"]", `web.toml:1:10: there is no setting "network.prots": did you mean "network.ports"?`},
		"no key to reset":    {"reset = [\"a b\"]", `web.toml:1:10: "a b" is no name of a setting`},
		"two mistakes":       {"a_a = 1\nb_b = 2", `(and 1 more: see ` + "`mctl config check`)"},
		"deep lists":         {"hostname = " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "more than 16 deep"},
		"deep key":           {strings.Repeat("a.", 1000) + "a = 1", "more than 16 deep"},
		"too large":          {"#" + strings.Repeat(" ", maxSize), "is not a regular file of at most"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := boot.Spec{Name: "web", Root: "/"}
			search, _ := lay(t, map[string]string{
				"etc/machines/web.toml": tt.text, "etc/profiles/loop.toml": "include = [\"loop2\"]", "usr/profiles/loop2.toml": "include = [\"loop\"]",
			})
			_, err := search.apply(&spec)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got error %v\nwant one line with %s", err, tt.want)
			}
		})
	}
}

// A file beside the image gives what does no harm, and each thing more that it asks for is told once.
func TestUntrusted(t *testing.T) {
	search, top := lay(t, map[string]string{
		"var/web.toml": `
hostname = "www"
environment = { A = "%M", B = "b" }
include = ["privileged"]
reset = ["hostname"]
ephemeral = true
machine_id = "00000000000000000000000000000001"
[[bind]]
source = "/"
[network]
bridge = "br0"
veth = false
[security]
`,
		"etc/profiles/privileged.toml": "read_only = true",
	})
	want := []string{
		`web.toml:4: "include" is ignored: a file that came with an image may not set it; if you want it, put it into /etc/machined-go/machines`,
		`web.toml:5: "reset" is ignored`,
		`web.toml:6: "ephemeral" is ignored`,
		`web.toml:7: "machine_id" is ignored`,
		`web.toml:8: "bind" is ignored`,
		`web.toml:10: "network" is ignored`,
	}
	spec := boot.Spec{Name: "web", Root: top + "/var/web", Network: boot.Network{Veth: new(true)}}
	wanted := spec
	wanted.Hostname, wanted.Environment = "www", map[string]string{"A": "web", "B": "b"}
	got, err := search.apply(&spec)
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, ignored %q", err, got)
	}
	for i, line := range want {
		if !strings.Contains(got[i], line) {
			t.Errorf("ignored %q, want %q", got[i], line)
		}
	}
	if diff := cmp.Diff(wanted, spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

func TestUntrustedPlaces(t *testing.T) {
	for name, tt := range map[string]struct {
		files          map[string]string
		root, hostname string
		ignored        string
		fails          string
	}{
		"beside the image":       {map[string]string{"var/web.toml": "hostname = \"a\""}, "var/web", "a", "", ""},
		"beside versions":        {map[string]string{"var/web.toml": "hostname = \"a\""}, "var/web.v/web_1", "a", "", ""},
		"not if there is one":    {map[string]string{"var/web.toml": "hostname = \"a\"", "usr/machines/web.toml": "hostname = \"b\""}, "var/web", "b", "", ""},
		"below drop-ins":         {map[string]string{"var/web.toml": "hostname = \"a\"", "usr/machines/toml.d/1.toml": "hostname = \"b\""}, "var/web", "b", "", ""},
		"facts of the host":      {map[string]string{"var/web.toml": "hostname = \"%m\""}, "var/web", "", "facts of the host", ""},
		"a link is not followed": {map[string]string{"var/web.toml": "-> x.toml", "var/x.toml": "hostname = \"a\""}, "var/web", "", "", "too many levels"},
		"a link that leads nowhere": {
			map[string]string{"etc/machines/web.toml": "-> x.toml"}, "var/web", "", "", "no such file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			search, top := lay(t, tt.files)
			spec := boot.Spec{Name: "web", Root: filepath.Join(top, tt.root)}
			ignored, err := search.apply(&spec)
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) {
					t.Errorf("got error %v, want %q", err, tt.fails)
				}
				return
			}
			if err != nil || spec.Hostname != tt.hostname || !strings.Contains(strings.Join(ignored, "\n"), tt.ignored) || (tt.ignored == "") != (len(ignored) == 0) {
				t.Errorf("host name %q, ignored %q, error %v", spec.Hostname, ignored, err)
			}
		})
	}
}

// What systemd-nspawn's settings say counts where there are none of ours, and our drop-ins come on top.
func TestNspawnFile(t *testing.T) {
	search, top := lay(t, map[string]string{
		"nspawn/web.nspawn":               "",
		"var/web.nspawn":                  "",
		"var/web.toml":                    "hostname = \"image\"",
		"etc/machines/web.toml.d/10.toml": "[network]\nports = [\"udp:53\"]",
	})
	var read []string
	search.ReadNspawn = func(path string, trusted bool, spec *boot.Spec) ([]string, error) {
		read = append(read, strings.TrimPrefix(path, top))
		spec.Hostname = "nspawn"
		spec.Network.Ports = []string{"tcp:80"}
		spec.Network.Veth = new(true)
		return []string{"X= is ignored"}, nil
	}
	set, err := search.Load("web", top+"/var/web")
	if err != nil {
		t.Fatal(err)
	}
	var got boot.Spec
	if err := set.Apply(&got); err != nil {
		t.Fatal(err)
	}
	want := boot.Spec{Hostname: "nspawn", Network: boot.Network{Veth: new(true), Ports: []string{"tcp:80", "udp:53"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/nspawn/web.nspawn"}, read); diff != "" {
		t.Error(diff)
	}
	if len(set.Notes) != 1 || set.Notes[0].String() != top+"/nspawn/web.nspawn: X= is ignored" {
		t.Errorf("notes %v", set.Notes)
	}
	if from := set.root.at([]string{"network", "ports"}).List[0].From; from.Path != top+"/nspawn/web.nspawn" {
		t.Errorf("the port comes from %v", from)
	}
}
