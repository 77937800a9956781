// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// getent stands for the program of that name; it leaves a note of how it was run.
func getent(database, key string) int {
	var note string
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if word, value, _ := strings.Cut(line, ":"); word == "CapBnd" || word == "CapEff" || word == "Seccomp" || word == "Uid" {
			note += strings.Join(strings.Fields(value), " ") + "; "
		}
	}
	to, _ := os.Readlink("/proc/self/fd/0")
	if err := unix.Mount("none", "/root", "tmpfs", 0, ""); err != nil {
		to += "; " + err.Error()
	}
	_ = os.WriteFile("/tmp/getent", []byte(note+to), 0o644)
	if key == "much" {
		fmt.Print(strings.Repeat("x", 2*lookupOutput))
	}
	text, _ := os.ReadFile("/etc/" + database)
	for line := range strings.Lines(string(text)) {
		if fields := strings.FieldsFunc(line, func(r rune) bool { return r == ':' || r == ' ' }); len(fields) > 2 && (fields[0] == key || fields[2] == key) {
			fmt.Print(line)
			return 0
		}
	}
	return notFound
}

const (
	passwd     = "root:x:0:0::/root:/bin/sh\nguest:x:1000:1001:A,B:/home/guest:/bin/sh\nodd:x:70000:1::/:\nhomeless:x:7:8::/nowhere:\n"
	initgroups = "guest 1001 1002 1003\n"
)

// askingTree is a tree whose getent knows some users.
func askingTree(t *testing.T) string {
	root := tree(t)
	fill(t, root, map[string]string{"etc/passwd": passwd, "etc/initgroups": initgroups, "home/guest/": "", "usr/bin/": ""})
	if err := os.Link(filepath.Join(root, "sbin/init"), filepath.Join(root, "usr/bin/getent")); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestUserFromInside(t *testing.T) {
	for user, want := range map[string]map[string]string{
		"guest":    {"Uid": "1000\t1000\t1000\t1000", "Gid": "1001\t1001\t1001\t1001", "Groups": "1001 1002 1003", "HOME": "/home/guest", "USER": "guest", "LOGNAME": "guest", "cwd": "/home/guest"},
		"1000":     {"Uid": "1000\t1000\t1000\t1000", "Gid": "1001\t1001\t1001\t1001", "Groups": "1001 1002 1003", "HOME": "/home/guest", "USER": "guest", "LOGNAME": "guest", "cwd": "/home/guest"},
		"4321":     {"Uid": "4321\t4321\t4321\t4321", "Gid": "4321\t4321\t4321\t4321", "Groups": "", "HOME": "/", "USER": "4321", "cwd": "/"},
		"homeless": {"Uid": "7\t7\t7\t7", "Gid": "8\t8\t8\t8", "Groups": "", "HOME": "/nowhere", "cwd": "/"},
		"root":     {"Uid": "0\t0\t0\t0", "Groups": "", "HOME": "/root", "USER": "root", "cwd": "/root"},
	} {
		want["CapBnd"], want["Seccomp"] = "00000000fdecbfff", "2"
		if user != "root" {
			want["reopen"] = "ok"
			want["CapEff"], want["CapPrm"], want["CapAmb"] = "0000000000000000", "0000000000000000", "0000000000000000"
			want["asked"] = "0 0 0 0; 00000000fdecbfff; 00000000fdecbfff; 2; /dev/null; operation not permitted"
		}
		expect(t, statusInside(t, func(s *Spec) {
			s.Root, s.User, s.Command = askingTree(t), user, []string{"/sbin/init"}
		}), want)
	}
	expect(t, statusInside(t, func(s *Spec) {
		s.Root, s.User, s.Command, s.WorkingDirectory = askingTree(t), "guest", []string{"/sbin/init"}, "/etc"
		s.Environment["HOME"] = "/srv"
		s.Security.AmbientCapabilities = []string{"CAP_NET_RAW"}
	}), map[string]string{"HOME": "/srv", "USER": "guest", "cwd": "/etc", "CapEff": "0000000000002000", "CapAmb": "0000000000002000"})
}

// A number needs nobody who could be asked.
func TestUserWithoutGetent(t *testing.T) {
	expect(t, statusInside(t, func(s *Spec) { s.User, s.Command = "77", []string{"/sbin/init"} }), map[string]string{
		"Uid": "77\t77\t77\t77", "Gid": "77\t77\t77\t77", "Groups": "", "HOME": "/", "USER": "77", "asked": "",
	})
	spec := Spec{Name: "boot-user", Root: tree(t), User: "guest", Command: []string{"/sbin/init"}, Network: Network{Veth: new(false)}}
	if err := failToStart(t, spec); err == nil || !strings.Contains(err.Error(), "the image has no getent: give the user's number") {
		t.Errorf("got error %v", err)
	}
}

func TestUserThatCannotBeHad(t *testing.T) {
	for user, want := range map[string]string{"nobody": "there is no such user", "odd": `id "70000" is not a number below 65535`, "much": "says too much"} {
		spec := Spec{Name: "boot-user", Root: askingTree(t), User: user, Command: []string{"/sbin/init"}, Network: Network{Veth: new(false)}}
		if err := failToStart(t, spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("user %s: got error %v, want %q", user, err, want)
		}
	}
}

func TestValidateUser(t *testing.T) {
	for user, ok := range map[string]bool{
		"": true, "guest": true, "a.b-c$": true, "1000": true, "65534": true, "65535": false, "-1": false, "a b": false, "--x": false, "a:b": false, "a\n": false,
	} {
		spec := Spec{Name: "web", Root: "/srv", User: user, Command: []string{"/x"}}
		if err := spec.Validate(); (err == nil) != ok {
			t.Errorf("user %q: got error %v", user, err)
		}
	}
	if err := (Spec{Name: "web", Root: "/srv", User: "guest"}).Validate(); err == nil || !strings.Contains(err.Error(), "an init runs as root") {
		t.Errorf("got %v", err)
	}
}

func TestParsePasswd(t *testing.T) {
	got, err := parsePasswd("guest:x:1000:1001:A,B::/bin/sh\nmore")
	want := account{uid: 1000, gid: 1001, name: "guest", home: "/"}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(account{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{
		"", "guest", "a:x:1:1::/", "a:x:1:1::/:/:/", "a:x:-1:1::/:", "a:x:1:x::/:", "a:x:65535:1::/:", "a:x:1:4294967295::/:", "a b:x:1:1::/:", ":x:1:1::/:",
		"a:x:1:1::home:", "a:x:1:1::/\x00:", "a:x:1:1::/" + strings.Repeat("x", maxHome) + ":",
	} {
		if a, err := parsePasswd(bad); err == nil {
			t.Errorf("takes %q as %+v", bad, a)
		}
	}
}

func TestParseGroups(t *testing.T) {
	many := "a"
	for i := range maxGroups + 1 {
		many += " " + strconv.Itoa(i)
	}
	for text, want := range map[string]string{
		"": "[]", "a": "[]", "guest  7 8 7\n": "[7 8]", "a x": "error", "a 65535": "error", many: "error",
	} {
		groups, err := parseGroups(text)
		got := fmt.Sprint(groups)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%.40q gives %s, want %s", text, got, want)
		}
	}
	if size := len(account{}.bytes()); size >= 4096 {
		t.Errorf("an account takes %d bytes, more than a pipe takes at once", size)
	}
}
