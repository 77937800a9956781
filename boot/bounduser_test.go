// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"machined-go/boot/mount"
	"machined-go/boot/sys"
)

func TestBoundUserPlan(t *testing.T) {
	f := facts()
	f.Bound = []BoundUser{{Name: "ann", UID: 1000, GID: 1001, ID: 60514, Home: "/home/ann", Shell: "/bin/zsh", Password: "$y$a&b"}}
	plan, err := NewPlan(Spec{Name: "web", Root: "/srv", Users: Users{Bind: []string{"ann"}, BindGroups: []string{"wheel"}}}, f)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	var home mount.Bind
	for _, op := range plan.custom {
		switch op := op.(type) {
		case mount.File:
			got[filepath.Base(op.Path)] = fmt.Sprintf("%o %s", op.Mode, op.Content)
		case mount.Symlink:
			got[filepath.Base(op.Path)] = "to " + op.To
		case mount.Bind:
			home = op
		}
	}
	for name, want := range map[string]string{
		"ann.group": `644 {"groupName":"ann","gid":60514,"service":"io.systemd.NSpawn"}` + "\n", "60514.group": "to ann.group",
		"ann.user-privileged": `600 {"privileged":{"hashedPassword":["$y$a&b"]}}` + "\n", "60514.user-privileged": "to ann.user-privileged",
		"ann.user": `644 {"userName":"ann","uid":60514,"gid":60514,"homeDirectory":"/run/host/home/ann","service":"io.systemd.NSpawn",` +
			`"shell":"/bin/zsh","memberOf":["wheel"]}` + "\n",
		"60514.user": "to ann.user", "ann:wheel.membership": "644 {}\n",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	base := f.Base
	if want := fmt.Sprint(*home.IDs); home.Source != "/home/ann" || want != fmt.Sprintf("{[{1000 %d 1} {%d %d 60514} {%d %d 5021}] [{1001 %d 1} {%d %d 60514} {%d %d 5021}]}",
		base+60514, base, base, base+60515, base+60515, base+60514, base, base, base+60515, base+60515) {
		t.Errorf("home is bound as %s", home)
	}
	f.Bound[0].GID = base + 5
	if _, err := NewPlan(plan.Spec, f); err == nil || !strings.Contains(err.Error(), "is one of the machine's own ids") {
		t.Errorf("got error %v", err)
	}
}

// hostUser gives a user of this host whom a machine can be shown, or skips the test.
func hostUser(t *testing.T) (name, home string) {
	t.Helper()
	needRoot(t)
	if _, err := exec.LookPath("getent"); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"games", "uucp", "proxy", "mail", "daemon", "news"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		g, err := user.LookupGroupId(u.Gid)
		if err == nil && g.Name == name {
			return name, u.HomeDir
		}
	}
	t.Skip("this host has no user with a group of its own")
	return "", ""
}

func TestFindBound(t *testing.T) {
	name, home := hostUser(t)
	root := tree(t)
	spec := Spec{Name: "boot-bound", Root: root, Users: Users{Bind: []string{name}, BindShell: "/bin/zsh"}}
	fill(t, root, map[string]string{"etc/passwd": "root:x:0:0::/root:/bin/sh\na:x:60514:5::/:\n", "etc/group": "root:x:0:\nb:x:60515:\n"})
	find := func() ([]BoundUser, error) {
		tr, err := Inspect(spec)
		if err != nil {
			return nil, err
		}
		return findBound(spec, tr.Taken)
	}
	list, err := find()
	if err != nil || len(list) != 1 || list[0].ID != 60516 || list[0].Home != home || list[0].Shell != "/bin/zsh" {
		t.Errorf("found %+v, %v, want id 60516 and home %s", list, err, home)
	}
	for want, change := range map[string]func(){
		"there is no such user":           func() { spec.Users.Bind = []string{"nobody-at-all"} },
		"has a user of that id of its":    func() { spec.Users.Bind = []string{"root"} },
		"no id from 60514 to 60577 is fr": func() { spec.Users = Users{Bind: []string{name}, Namespace: usersRange, Base: 1 << 20, Count: 1000} },
		"of that name in the machine":     func() { fill(t, root, map[string]string{"etc/group": name + ":x:7:\n"}) },
		"it is not a regular file": func() {
			os.Remove(filepath.Join(root, "etc/group"))
			fill(t, root, map[string]string{"etc/group/": ""})
		},
		"it is longer than": func() { fill(t, root, map[string]string{"etc/passwd": strings.Repeat("a", maxDatabase+1)}) },
	} {
		saved := spec
		passwd, _ := os.ReadFile(filepath.Join(root, "etc/passwd"))
		change()
		if _, err := find(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
		spec = saved
		spec.Users.Bind = slices.Clone([]string{name})
		os.RemoveAll(filepath.Join(root, "etc/group"))
		fill(t, root, map[string]string{"etc/passwd": string(passwd)})
	}
}

// boundPlan is the plan of a tree that shows that user.
func boundPlan(t *testing.T, bound BoundUser) *Plan {
	t.Helper()
	spec := Spec{Name: "boot-bound", Root: tree(t), Network: Network{Veth: new(false)}, Users: Users{Bind: []string{"ann"}}}
	host, err := ReadHost()
	if err != nil {
		t.Fatal(err)
	}
	tr, err := Inspect(spec)
	if err != nil {
		t.Fatal(err)
	}
	r, err := claimIDs(spec, sys.Lock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.release)
	plan, err := NewPlan(spec, Facts{Tree: tr, Base: r.Base, Host: host, BootID: NewID(), MachineID: NewID(), Bound: []BoundUser{bound}})
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestBoundUserFromInside(t *testing.T) {
	needRoot(t)
	home := t.TempDir()
	give(t, home, 4242)
	bound := BoundUser{Name: "ann", UID: 4242, GID: 4242, ID: 60514, Home: home, Password: "secret"}
	plan := boundPlan(t, bound)
	got := runInside(t, plan, probeWord+strings.Join([]string{
		"stat /run/host/home/ann", "write /run/host/home/ann/made", "stat /run/host/home/ann/made", "list /run/host/userdb",
		"read /run/host/userdb/60514.user-privileged", "write /run/host/userdb/x", "stat /run/host/userdb/ann.user-privileged", "read /proc/self/uid_map",
	}, "\n"))
	for what, want := range map[string]string{
		"stat /run/host/home/ann": "60514:60514 40755", "write /run/host/home/ann/made": "done", "stat /run/host/home/ann/made": "0:0 100644",
		"list /run/host/userdb":                       "60514.group 60514.user 60514.user-privileged ann.group ann.user ann.user-privileged",
		"read /run/host/userdb/60514.user-privileged": `{"privileged":{"hashedPassword":["secret"]}}`,
		"stat /run/host/userdb/ann.user-privileged":   "0:0 100600",
		"write /run/host/userdb/x":                    "EROFS",
	} {
		if got[what] != want {
			t.Errorf("%s gives %q, want %q", what, got[what], want)
		}
	}
	if made := ownerOf(t, filepath.Join(home, "made")); made != plan.Base || strings.Count(got["read /proc/self/uid_map"], "\n") != 0 {
		t.Errorf("what root made belongs to %d, want %d; ids are %s", made, plan.Base, got["read /proc/self/uid_map"])
	}
}
