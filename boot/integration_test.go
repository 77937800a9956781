// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"machined-go/boot/mount"
)

func TestTimezone(t *testing.T) {
	linked, file, none := HostConfig{Zone: "Europe/Oslo", Localtime: true}, HostConfig{Localtime: true}, HostConfig{}
	const (
		bind, maybe = "bind host /etc/localtime on /etc/localtime read-only", "if there"
		zone        = "set time zone Europe/Oslo"
		copied      = "copy host /etc/localtime to /etc/localtime"
		removed     = "remove /etc/localtime of the tree"
	)
	for _, tt := range []struct {
		mode     string
		readOnly bool
		host     HostConfig
		want     string
	}{
		{"", false, linked, zone}, {"auto", false, linked, zone}, {"", true, linked, bind + maybe}, {"", false, file, copied},
		{"", true, file, bind + maybe}, {"", false, none, removed}, {"", true, none, ""},
		{"off", false, linked, ""}, {"copy", true, linked, copied}, {"bind", false, linked, bind}, {"symlink", true, linked, zone},
		{"symlink", false, file, ""}, {"delete", true, linked, removed},
	} {
		if got := said(timezone(tt.mode, !tt.readOnly, tt.host)); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// said prints operations; a bind that needs a place says so.
func said(ops []mount.Op) string {
	var list []string
	for _, op := range ops {
		text := op.String()
		if b, ok := op.(mount.Bind); ok && b.Existing {
			text += "if there"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

func TestResolvConf(t *testing.T) {
	const file = "/etc/resolv.conf"
	copied := func(from string) string { return "copy host " + from + " to " + file }
	bound := func(from string) string { return "bind host " + from + " on " + file + " read-only" }
	for _, tt := range []struct {
		mode     string
		readOnly bool
		in       string
		want     string
	}{
		{"", false, "", ""}, {"auto", false, "host", copied(file)}, {"", true, "host", bound(file) + "if there"},
		{"", false, "stub", copied(resolvers["stub"])}, {"", true, "stub", bound(resolvers["stub"]) + "if there"},
		{"off", false, "host", ""}, {"delete", true, "", "remove " + file + " of the tree"},
		{"copy-host", true, "", copied(file)}, {"copy-static", false, "", copied(resolvers["static"])},
		{"copy-uplink", false, "", copied(resolvers["uplink"])}, {"copy-stub", false, "", copied(resolvers["stub"])},
		{"replace-host", false, "", copied(file)}, {"replace-static", false, "", copied(resolvers["static"])},
		{"replace-uplink", false, "", copied(resolvers["uplink"])}, {"replace-stub", false, "", copied(resolvers["stub"])},
		{"bind-host", false, "", bound(file)}, {"bind-static", false, "", bound(resolvers["static"])},
		{"bind-uplink", false, "", bound(resolvers["uplink"])}, {"bind-stub", false, "", bound(resolvers["stub"])},
	} {
		ops := resolvConf(tt.mode, !tt.readOnly, HostConfig{Resolver: tt.in})
		if got := said(ops); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
		if c, ok := ops, len(ops) == 1; ok {
			if op, ok := c[0].(mount.Copy); ok && op.Replace != strings.HasPrefix(tt.mode, "replace-") {
				t.Errorf("%+v: replaces %v", tt, op.Replace)
			}
		}
	}
}

func TestJournalDecision(t *testing.T) {
	f := facts()
	id := hex.EncodeToString(f.MachineID[:])
	host := journalDir + "/" + id
	guest := "/tree" + host
	here := journalLink{There: true, Kind: fs.ModeSymlink, To: guest}
	elsewhere := journalLink{There: true, Kind: fs.ModeSymlink, To: "/other"}
	dir, none := journalLink{There: true, Kind: fs.ModeDir}, journalLink{}
	inGuest := "link host " + host + " to the journal in the tree"
	onHost := "bind host " + host + " as the journal"
	for _, tt := range []struct {
		mode, unit string
		change     Spec
		there      journalLink
		want       string
	}{
		{"no", "u", Spec{}, dir, ""},
		{"", "", Spec{}, none, ""}, {"", "", Spec{}, dir, onHost}, {"", "", Spec{}, here, inGuest}, {"", "", Spec{}, elsewhere, ""},
		{"", "u", Spec{}, none, inGuest}, {"auto", "u", Spec{}, none, ""},
		{"guest", "", Spec{}, dir, inGuest}, {"host", "", Spec{}, none, onHost}, {"host", "", Spec{}, elsewhere, onHost},
		{"try-host", "", Spec{Volatile: "yes"}, none, onHost}, {"try-guest", "", Spec{Volatile: "yes"}, none, ""},
		{"guest", "", Spec{Volatile: "state"}, none, "error: link journal: there is none in the tree of a machine with volatile or pivot_root"},
		{"guest", "", Spec{}, journalLink{There: true}, "error: link journal: " + host + " is neither a directory nor a link"},
		{"try-guest", "u", Spec{Ephemeral: true}, none, ""},
	} {
		s := tt.change
		s.Root, s.Unit, s.Integration.LinkJournal = "/tree", tt.unit, tt.mode
		f.Config.Journal = tt.there
		op, err := s.journal(f)
		got := ""
		if op != nil {
			got = op.String()
		}
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != tt.want {
			t.Errorf("%+v: got %q", tt, got)
		}
	}
}

func TestValidateIntegration(t *testing.T) {
	for _, tt := range []struct {
		in   Integration
		want string
	}{
		{Integration{ResolvConf: "copy"}, `resolv_conf "copy" is none of`}, {Integration{ResolvConf: "copy-x"}, `resolv_conf "copy-x" is not one of`},
		{Integration{Timezone: "x"}, `timezone "x" is none of`}, {Integration{LinkJournal: "yes"}, `link_journal "yes" is none of`},
		{Integration{Credentials: []Credential{{ID: "a/b"}}}, `credential "a/b": its id must be`},
		{Integration{Credentials: []Credential{{ID: "a", Value: "x", Path: "/y"}}}, "has both a value and a path"},
		{Integration{Credentials: []Credential{{ID: "a", Path: "x/y"}}}, `path "x/y" is neither absolute nor the name`},
		{Integration{Credentials: []Credential{{ID: "a"}, {ID: "a"}}}, `credential "a" is given twice`},
	} {
		if err := tt.in.validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got error %v, want %q", tt.in, err, tt.want)
		}
	}
}

func TestReadCredentials(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	fill(t, dir, map[string]string{"ours": "passed on", "big": strings.Repeat("x", maxCredential+1)})
	if err := unix.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err == nil {
			fmt.Fprint(c, "by socket")
			c.Close()
		}
	}()
	got, err := readCredentials([]Credential{{ID: "v", Value: "value"}, {ID: "f", Path: dir + "/ours"}, {ID: "o", Path: "ours"}, {ID: "s", Path: socket}})
	if err != nil {
		t.Fatal(err)
	}
	want := []mount.Credential{{ID: "v", Data: []byte("value")}, {ID: "f", Data: []byte("passed on")}, {ID: "o", Data: []byte("passed on")}, {ID: "s", Data: []byte("by socket")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for path, want := range map[string]string{
		dir + "/none": "no such file", "none": "no such file", dir + "/big": "gives more than 1048576 bytes", dir + "/pipe": "neither a regular file nor a socket",
	} {
		if _, err := readCredentials([]Credential{{ID: "x", Path: path}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", path, err, want)
		}
	}
}

func TestCredentialsFromInside(t *testing.T) {
	wantInside(t, func(s *Spec) {
		s.Integration.Credentials = []Credential{{ID: "a", Value: "secret"}, {ID: "b.c", Value: "other\x00"}}
	}, map[string]string{
		"list /run/host/credentials":    "a b.c",
		"read /run/host/credentials/a":  "secret",
		"stat /run/host/credentials":    "0:0 40500",
		"stat /run/host/credentials/a":  "0:0 100400",
		"type /run/host/credentials":    "ramfs",
		"write /run/host/credentials/a": "EROFS",
		"write /run/host/credentials/x": "EROFS",
		"remount /run/host/credentials": "EPERM",
		"unmount /run/host/credentials": "EINVAL",
		"env CREDENTIALS_DIRECTORY":     "/run/host/credentials",
	})
}

func TestIntegrationFromInside(t *testing.T) {
	needRoot(t)
	hostText := func(path string) string { b, _ := os.ReadFile(path); return strings.TrimSpace(string(b)) }
	resolv := hostText("/etc/resolv.conf")
	for name, tt := range map[string]struct {
		resolv, zone string
		tree, want   map[string]string
		readOnly     bool
	}{
		"copy makes": {resolv: "copy-host", zone: "off", want: map[string]string{"read /etc/resolv.conf": resolv, "stat /etc/resolv.conf": "0:0 100644", "write /etc/resolv.conf": "done"}},
		"copy respects a link": {resolv: "copy-host", zone: "delete", tree: map[string]string{"etc/resolv.conf": "->../run/x", "etc/localtime": "x"},
			want: map[string]string{"link /etc/resolv.conf": "../run/x", "stat /run/x": "ENOENT", "stat /etc/localtime": "ENOENT"}},
		"replace": {resolv: "replace-host", zone: "off", tree: map[string]string{"etc/resolv.conf": "->../run/x"},
			want: map[string]string{"read /etc/resolv.conf": resolv, "stat /etc/resolv.conf": "0:0 100644"}},
		"bind behind a link": {resolv: "bind-host", zone: "off", tree: map[string]string{"etc/resolv.conf": "->../run/systemd/x"},
			want: map[string]string{"read /etc/resolv.conf": resolv, "write /etc/resolv.conf": "EROFS", "link /etc/resolv.conf": "../run/systemd/x"}},
		"delete":       {resolv: "delete", zone: "off", tree: map[string]string{"etc/resolv.conf": "x"}, want: map[string]string{"stat /etc/resolv.conf": "ENOENT"}},
		"no source":    {resolv: "bind-uplink", zone: "off", tree: map[string]string{"etc/resolv.conf": "x"}, want: map[string]string{"read /etc/resolv.conf": "x"}},
		"read-only":    {resolv: "bind-host", zone: "bind", readOnly: true, tree: map[string]string{"etc/localtime": "x"}, want: map[string]string{"read /etc/localtime": hostText("/etc/localtime")}},
		"link to root": {resolv: "copy-host", zone: "bind", tree: map[string]string{"etc/resolv.conf": "->/"}, want: map[string]string{"link /etc/resolv.conf": "/"}},
		"strange tree": {resolv: "auto", zone: "auto", readOnly: true, tree: map[string]string{"etc/localtime": "->/", "etc/resolv.conf/x": ""}, want: map[string]string{"link /etc/localtime": "/"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantInside(t, func(s *Spec) {
				fill(t, s.Root, tt.tree)
				s.ReadOnly, s.Integration.ResolvConf, s.Integration.Timezone = tt.readOnly, tt.resolv, tt.zone
			}, tt.want)
		})
	}
}

// A device that an image has as its resolv.conf is not opened.
func TestCopyOpensNoDevice(t *testing.T) {
	wantInside(t, func(s *Spec) {
		path := filepath.Join(s.Root, "etc/resolv.conf")
		if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(240, 0))); err != nil {
			t.Skip(err)
		}
		s.Integration.ResolvConf = "copy-host"
	}, map[string]string{"stat /etc/resolv.conf": "0:0 20644"})
}

func TestZoneFromInside(t *testing.T) {
	needRoot(t)
	link, _ := os.Readlink("/etc/localtime")
	zone := zoneOf(link)
	if zone == "" {
		t.Skip("this host has no time zone")
	}
	wantInside(t, func(s *Spec) {
		fill(t, s.Root, map[string]string{"usr/share/zoneinfo/" + zone: "zone", "etc/localtime": "old"})
		s.Integration.Timezone = "symlink"
	}, map[string]string{"link /etc/localtime": "../usr/share/zoneinfo/" + zone, "stat /etc/localtime": "0:0 120777"})
	text, _ := os.ReadFile("/etc/localtime")
	wantInside(t, func(s *Spec) { s.Integration.Timezone = "symlink" }, map[string]string{
		"read /etc/localtime": strings.TrimSpace(string(text)), "write /etc/localtime": "EROFS",
	})
}

func TestJournalFromInside(t *testing.T) {
	needRoot(t)
	if _, err := os.Stat(journalDir); err != nil {
		if err := os.MkdirAll(journalDir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Remove(journalDir) })
	}
	for mode, kind := range map[string]fs.FileMode{"guest": fs.ModeSymlink, "host": fs.ModeDir} {
		var host string
		spec := Spec{Name: "boot-journal", Root: tree(t), Integration: Integration{LinkJournal: mode}}
		plan := planFor(t, spec)
		host = filepath.Join(journalDir, hex.EncodeToString(plan.MachineID[:]))
		t.Cleanup(func() { os.RemoveAll(host) })
		out := runInside(t, plan, probeWord+strings.Join([]string{"stat " + host, "write " + host + "/made"}, "\n"))
		if out["write "+host+"/made"] != "done" || !strings.HasPrefix(out["stat "+host], "0:") {
			t.Errorf("%s: inside: %v", mode, out)
		}
		info, err := os.Lstat(host)
		if err != nil || info.Mode().Type() != kind {
			t.Errorf("%s: the host has %v, %v", mode, info, err)
		}
		if _, err := os.Stat(filepath.Join(host, "made")); err != nil {
			t.Errorf("%s: the machine's file: %v", mode, err)
		}
	}
}
