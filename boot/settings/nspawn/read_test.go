// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"machined-go/boot"
)

// base is what contain@web.service wishes for before any settings.
func base() boot.Spec {
	return boot.Spec{Name: "web", Root: "/var/lib/machines/web", Network: boot.Network{Veth: new(true), Ports: []string{"80"}}}
}

func TestDecode(t *testing.T) {
	no, yes := ptr(false), ptr(true)
	for name, tt := range map[string]struct {
		text string
		want func(*boot.Spec)
	}{
		"empty":                         {"", func(*boot.Spec) {}},
		"no network section, no change": {"[Network]\n[Files]\n", func(*boot.Spec) {}},
		"syntax": {
			"\ufeff# comment\n ; another\r\n[Exec]\r\n Hostname = a \n\n[Files]\nBind=/a\\\n# within\n:/b \\\n  \nBind=/c\\\\\n[X-Own]\nAnything=1\n[Exec]\nX-Own=2\n",
			func(s *boot.Spec) {
				s.Hostname = "a"
				s.Binds = []boot.Bind{{Source: "/a ", Target: "/b"}, {Source: `/c\`, Target: `/c\`}}
			},
		},
		"empty assignments reset": {
			"[Exec]\nEnvironment=A=1\nEnvironment=\nEnvironment='B=2 3' \"C=\\n\"\nHostname=a\nHostname=\n[Files]\nBindUser=a b\nBindUser=\nBindUser=c\n",
			func(s *boot.Spec) {
				s.Environment = map[string]string{"B": "2 3", "C": `\n`}
				s.Users.Bind = []string{"c"}
			},
		},
		"later lines replace or add": {
			"[Exec]\nHostname=a\nHostname=b\nCPUAffinity=1\nCPUAffinity=2-3 5\nCapability=CAP_SYS_TIME\nCapability=all CAP_BPF\n",
			func(s *boot.Spec) {
				s.Hostname, s.Limits.CPUAffinity = "b", "1,2-3,5"
				s.Security.AddCapabilities = []string{"CAP_SYS_TIME", "all", "CAP_BPF"}
			},
		},
		"boot":                          {"[Exec]\nBoot=yes\nParameters=a 'b c'\n", func(s *boot.Spec) { s.InitArguments = []string{"a", "b c"} }},
		"command":                       {"[Exec]\nBoot=no\nParameters=/bin/a b\n", func(s *boot.Spec) { s.Command = []string{"/bin/a", "b"} }},
		"second":                        {"[Exec]\nParameters=/bin/a\nProcessTwo=yes\n", func(s *boot.Spec) { s.Command, s.StubInit = []string{"/bin/a"}, true }},
		"shell":                         {"[Exec]\nBoot=no\n", func(s *boot.Spec) { s.Command = []string{"/bin/sh"} }},
		"host's network":                {"[Network]\nVirtualEthernet=no\n", func(s *boot.Spec) { s.Network = boot.Network{Private: no, Veth: new(false), Ports: []string{"80"}} }},
		"no network":                    {"[Network]\nPrivate=yes\n", func(s *boot.Spec) { s.Network = boot.Network{Private: yes, Veth: new(false), Ports: []string{"80"}} }},
		"ports leave the network alone": {"[Network]\nPort=tcp:81\n", func(s *boot.Spec) { s.Network.Ports = []string{"80", "tcp:81"} }},
		"network implied": {"[Network]\nBridge=br0\nPrivate=no\nMACVLAN=a b:c\n", func(s *boot.Spec) {
			s.Network = boot.Network{Private: yes, Veth: new(true), Bridge: "br0", MACVLAN: []string{"a", "b:c"}, Ports: []string{"80"}}
		}},
		"namespace": {"[Network]\nNamespacePath=/run/netns/a\n", func(s *boot.Spec) {
			s.Network = boot.Network{Veth: new(false), NamespacePath: "/run/netns/a", Ports: []string{"80"}}
		}},
		"limits": {"[Exec]\nLimitNOFILE=1:2\nLimitSTACK=1M\n", func(s *boot.Spec) {
			s.Limits.Rlimit = map[string]string{"nofile": "1:2", "stack": "1048576:1048576"}
		}},
		"filters": {"[Exec]\nSystemCallFilter=@clock\nSystemCallFilter=~mount umount2\n", func(s *boot.Spec) {
			s.Security.AllowSystemCalls, s.Security.DenySystemCalls = []string{"@clock"}, []string{"mount", "umount2"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := base(), base()
			tt.want(&want)
			ignored, err := decode("web.nspawn", tt.text, true, &got)
			if err != nil || len(ignored) > 0 {
				t.Errorf("error %v, ignored %q", err, ignored)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeIgnores(t *testing.T) {
	const text = `Early=1
[Exec]
Capability=CAP_SYS_TIME
Hostname=a
Nonsense=1
SystemCallFilter=@clock
SystemCallFilter=~mount
no assignment
[Unit]
What=ever
[Files]
Bind=/etc
Bind=not even a path
ReadOnly=yes
Parameters=x
[Exec]
Parameters=x
`
	got, want := base(), base()
	want.Hostname, want.ReadOnly, want.Security.DenySystemCalls = "a", true, []string{"mount"}
	ignored, err := decode("web.nspawn", text, false, &got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	lines := []string{
		`web.nspawn:1: "Early=1" is ignored: it belongs to no section`,
		`web.nspawn:3: [Exec] Capability= is ignored: ` + untrusted,
		`web.nspawn:5: [Exec] Nonsense= is ignored: there is no such setting`,
		`web.nspawn:6: [Exec] SystemCallFilter= is ignored: ` + untrusted,
		`web.nspawn:8: "no assignment" is ignored: it is not KEY=VALUE`,
		`web.nspawn:9: section "[Unit]" is ignored: it is none of [Exec], [Files], [Network]`,
		`web.nspawn:12: [Files] Bind= is ignored: ` + untrusted,
		`web.nspawn:13: [Files] Bind= is ignored: ` + untrusted,
		`web.nspawn:15: [Files] Parameters= is ignored: there is no such setting`,
		`web.nspawn:17: [Exec] Parameters= is ignored: neither Boot= nor ProcessTwo= says how to start`,
	}
	if diff := cmp.Diff(lines, ignored); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"[Exec]\n\nDropCapability=CAP_FOO": "web.nspawn:3: [Exec] DropCapability=: read capability \"CAP_FOO\"",
		"[Exec]\nHostname=\\\n-\n":         "web.nspawn:2: [Exec] Hostname=: ",
		"[Exec]\nBoot=yes\nProcessTwo=yes": "web.nspawn: [Exec] Boot=yes and ProcessTwo=yes exclude each other",
		"[Exec]\nParameters='a":            "web.nspawn:2: [Exec] Parameters=: a quote (') is not closed",
		"[Files]\nBind=/a\nBind=b":         "web.nspawn:3: [Files] Bind=: \"b\" is not an absolute path",
	} {
		spec := base()
		_, err := decode("web.nspawn", text, true, &spec)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: error %v, want one line that begins with %q", text, err, want)
		}
		if diff := cmp.Diff(base(), spec); diff != "" {
			t.Errorf("%q is refused, but changes the spec:\n%s", text, diff)
		}
	}
}

// What an untrusted file can set is what systemd-nspawn 262 takes from one.
func TestPrivileged(t *testing.T) {
	free := map[string]bool{}
	for _, name := range strings.Fields(`Boot ProcessTwo Parameters Environment User WorkingDirectory PivotRoot DropCapability NoNewPrivileges
		KillSignal Personality NotifyReady SystemCallFilter RestrictAddressFamilies Hostname ResolvConf Timezone SuppressSync ReadOnly
		Volatile`) {
		free[name] = true
	}
	for _, k := range keys() {
		if k.privileged == free[k.name] {
			t.Errorf("[%s] %s= is privileged: %v", k.section, k.name, k.privileged)
		}
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.nspawn")
	spec := base()
	if _, err := Read(path, true, &spec); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("reading nothing: %v", err)
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path, true, &spec); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("reading a pipe: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("[Exec]\nHostname=a\nFoo=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ignored, err := Read(path, true, &spec)
	if err != nil || spec.Hostname != "a" || len(ignored) != 1 || !strings.HasPrefix(ignored[0], path+":3: ") {
		t.Errorf("host name %q, ignored %q, error %v", spec.Hostname, ignored, err)
	}
	if err := os.Truncate(path, maxSize+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path, true, &spec); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("reading too much: %v", err)
	}
}

// Whatever a file says, what is told of it are single lines that name it; and without trust it cannot give a machine anything.
func FuzzRead(f *testing.F) {
	f.Add("[Exec]\nBoot=yes\nParameters=a 'b c'\nEnvironment=\"A=1 2\" B=\\x\nLimitNOFILE=1:2\nSystemCallFilter=~@clock\n", true)
	f.Add("[Files]\nBind=+/a\\:b:/c:idmap\nOverlay=/a:+/b::/c\nTemporaryFileSystem=/x:size=1M\n[Network]\nZone=a\nPort=udp:1:2\n", true)
	f.Add("\ufeff[Exec]\n#\nHostname=\\\n;\na\n[X-\n[", false)
	f.Add("[Exec]\nPrivateUsers=0:1\nCPUAffinity=0-3 5\nLimitCPU=1min\nKillSignal=RTMIN+3\nMachineID=0e0a7a24-1111-2222-3333-444455556666\n", false)
	f.Fuzz(func(t *testing.T, text string, trusted bool) {
		s := base()
		ignored, err := decode("web.nspawn", text, trusted, &s)
		lines := ignored
		if err != nil {
			lines = append(lines, err.Error())
		}
		for _, line := range lines {
			if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r == 0x7f }) || !strings.HasPrefix(line, "web.nspawn:") {
				t.Errorf("line %q", line)
			}
		}
		if !trusted {
			checkHarmless(t, s)
		}
	})
}

func checkHarmless(t *testing.T, s boot.Spec) {
	b := base()
	s.Hostname, s.InitArguments, s.Command, s.StubInit, s.Environment, s.User, s.WorkingDirectory = "", nil, nil, false, nil, "", ""
	s.KillSignal, s.NotifyReady, s.Personality, s.ReadOnly, s.Volatile, s.PivotRoot = "", nil, "", false, "", ""
	s.Security.DropCapabilities, s.Security.NoNewPrivileges, s.Security.DenySystemCalls, s.Security.SuppressSync = nil, false, nil, false
	s.Security.AllowAddressFamilies, s.Security.DenyAddressFamilies = nil, nil
	s.Integration.ResolvConf, s.Integration.Timezone = "", ""
	if diff := cmp.Diff(b, s, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("a file that is not trusted sets (-before +after):\n%s", diff)
	}
}
