// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"machined-go/boot/caps"
	"machined-go/boot/sys"
	"machined-go/boot/userns"
)

// give makes everything in a tree belong to one user.
func give(t *testing.T, root string, id int) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, id, id))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUsersFromInside(t *testing.T) {
	const base, uids = 1441792, "read /proc/self/uid_map"
	for _, tt := range []struct {
		users Users
		owner int // of the tree on the host
		want  map[string]string
		made  uint32 // owner, on the host, of what the machine makes in it; with -1 it cannot
	}{
		{Users{Namespace: "range", Base: base, Count: 131072, Ownership: "map"}, 0,
			map[string]string{uids: "0    1441792     131072", "stat /etc": "0:0 40755", "write /etc/made": "done"}, 0},
		{Users{Namespace: "range", Base: base}, base,
			map[string]string{uids: "0    1441792      65536", "stat /etc": "0:0 40755", "write /etc/made": "done"}, base},
		{Users{Namespace: "range", Base: base, Ownership: "off"}, 0,
			map[string]string{uids: "0    1441792      65536", "stat /etc": "65534:65534 40755", "write /etc/made": "EACCES"}, 0},
		{Users{Namespace: "owner"}, 1310720 + 7,
			map[string]string{uids: "0    1310720      65536", "stat /etc": "7:7 40755", "write /etc/made": "done"}, 1310720},
		{Users{Namespace: "identity"}, 0,
			map[string]string{uids: "0          0      65536", "stat /etc": "0:0 40755", "write /etc/made": "done"}, 0},
		{Users{Ownership: "map"}, 0, map[string]string{"stat /etc": "0:0 40755", "write /etc/made": "done"}, 0},
		{Users{Namespace: "range", Base: base, Ownership: "foreign"}, 2147352576 + 3,
			map[string]string{uids: "0    1441792      65536", "stat /etc": "3:3 40755", "write /etc/made": "done"}, 2147352576},
		{Users{Namespace: "no"}, 7,
			map[string]string{uids: "0          0 4294967295", "stat /etc": "7:7 40755", "write /etc/made": "done"}, 0},
	} {
		var root string
		wantInside(t, func(s *Spec) {
			root = s.Root
			give(t, root, tt.owner)
			s.Users = tt.users
		}, tt.want)
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(root, "etc/made"), &st); tt.want["write /etc/made"] == "done" && (err != nil || st.Uid != tt.made) {
			t.Errorf("%+v: what the machine makes belongs to %d (%v), want %d", tt.users, st.Uid, err, tt.made)
		}
	}
}

// In identity a machine's root is not root of the host.
func TestIdentityFromInside(t *testing.T) {
	expect(t, statusInside(t, func(s *Spec) { s.Users.Namespace = "identity" }), map[string]string{
		"CapBnd": "00000000fdecbfff", "Seccomp": "2", "mount": "ok", "Uid": "0\t0\t0\t0",
	})
	out, _ := bootInside(t, probeWord+"unmount /proc/keys\nremount /proc/sys", func(s *Spec) { s.Users.Namespace = "identity" })
	if got := string(out); strings.Contains(got, "done") {
		t.Errorf("a mask can be lifted: %s", got)
	}
}

// With no user namespace, what does not come of one holds all the same.
func TestHostRootFromInside(t *testing.T) {
	host, err := ReadHost()
	if err != nil {
		t.Fatal(err)
	}
	bounds := fmt.Sprintf("%016x", uint64(caps.Set(0xfdecbfff).Without(host.Lacks)))
	expect(t, statusInside(t, func(s *Spec) { s.Users.Namespace = "no" }), map[string]string{
		"CapBnd": bounds, "CapEff": bounds, "Seccomp": "2", "mount": "ok", "Uid": "0\t0\t0\t0",
	})
	wantInside(t, func(s *Spec) { s.Users.Namespace = "no" }, map[string]string{
		"read /proc/keys": "", "write /proc/sys/kernel/panic": "EROFS", "write /sys/kernel/x": "EROFS",
		"write /dev/kmsg": "done", // a file in memory, for there is no such node
	})
	wantInside(t, func(s *Spec) {
		s.Users.Namespace = "no"
		s.Security.DropCapabilities = []string{"CAP_SYS_ADMIN"}
	}, map[string]string{"unmount /proc/keys": "EPERM", "remount /proc/sys": "EPERM"})
}

func TestDelegatedRangesFromInside(t *testing.T) {
	var plan *Plan
	out, _ := bootInside(t, probeWord+"read /proc/self/uid_map", func(s *Spec) {
		s.Users.Delegate = 2
		plan = planFor(t, *s)
	})
	if len(plan.IDs.Users) != 3 || strings.Count(string(out), "65536") != 3 {
		t.Errorf("ids are %v, inside %s, want three ranges", plan.IDs.Users, out)
	}
	for _, m := range plan.IDs.Users[1:] {
		if m.Inside != m.Outside || m.Inside < 0x80000 {
			t.Errorf("further range is %v", m)
		}
	}
}

func TestGivenRangeIsNotPicked(t *testing.T) {
	needRoot(t)
	base := userns.Preferred("boot-range")
	spec := Spec{Name: "boot-range", Root: "/", Users: Users{Namespace: "range", Base: base}}
	given, err := claimRange(spec, sys.Lock)
	if err != nil {
		t.Fatal(err)
	}
	again, err := claimRange(spec, sys.Lock)
	if err != nil {
		t.Fatal(err)
	}
	picked, err := userns.Pick("boot-range", 0, sys.Lock)
	if err != nil || picked.Base == base {
		t.Errorf("picks %d (%v), which somebody has", picked.Base, err)
	}
	given.Release()
	picked.Release()
	if _, err := os.Stat(again.Lock.Name()); err != nil {
		t.Errorf("the lock of a range that is still in use: %v", err)
	}
	again.Release()
	if _, err := sys.Lock(again.Lock.Name(), true); err != nil {
		t.Errorf("the range is not free again: %v", err)
	}
	_ = os.Remove(again.Lock.Name())
}

func TestValidateUsers(t *testing.T) {
	for want, users := range map[string]Users{
		`users.namespace "x" is none of`:   {Namespace: "x"},
		`users.ownership "x" is none of`:   {Ownership: "x"},
		"needs users of the machine's own": {Namespace: "no", Ownership: "chown"},
		"begins at a multiple of that":     {Namespace: "range", Base: 7, Ownership: "chown"},
		"for a range of 65536 ids that":    {Namespace: "range", Base: 65536, Count: 5, Ownership: "foreign"},
		"users.delegate 17":                {Delegate: 17},
		"users.delegate needs a range":     {Namespace: "range", Base: 1 << 20, Count: 1 << 20, Delegate: 1},
		"are those of a given range":       {Base: 65536},
		"users.base and users.count are":   {Namespace: "identity", Count: 5},
		"goes beyond the last id":          {Namespace: "range", Base: 1<<32 - 2},
	} {
		spec := Spec{Name: "web", Root: "/srv", Users: users}
		if err := spec.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got error %v, want %q", users, err, want)
		}
	}
}
