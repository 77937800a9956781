// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// unmappable mounts a tree in such a way that ids cannot be mapped: as an overlay.
func unmappable(t *testing.T) string {
	t.Helper()
	root, dirs := tree(t), t.TempDir()
	if err := unix.Mount("none", dirs, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"upper", "work"} {
		if err := os.Mkdir(filepath.Join(dirs, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mount("overlay", root, "overlay", 0, "lowerdir="+root+",upperdir="+dirs+"/upper,workdir="+dirs+"/work"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Unmount(root, unix.MNT_DETACH), unix.Unmount(dirs, unix.MNT_DETACH) })
	return root
}

// tryOwnership boots a tree that ends at once, and gives the ids that it ran with.
func tryOwnership(t *testing.T, spec Spec) (base uint32, warned string, err error) {
	t.Helper()
	spec.Name, spec.Environment, spec.Network = "boot-own", map[string]string{insideVar: "0"}, Network{Veth: new(false)}
	if err := spec.Validate(); err != nil {
		t.Fatal(err)
	}
	c := claim{}
	if c.ids, err = claimIDs(spec, sys.Lock); err != nil {
		return 0, "", err
	}
	defer c.ids.release()
	s := &Starter{Units: &fakeUnits{t: t}, Registry: &fakeRegistry{}, Warn: func(err error) { warned += err.Error() }}
	_, m, err := s.boot(t.Context(), spec, c)
	if err != nil {
		return c.ids.Base, warned, err
	}
	if ws, err := m.Leader.Wait(); err != nil || ws.ExitStatus() != 0 {
		t.Errorf("ended with %v, %v", ws, err)
	}
	return c.ids.Base, warned, nil
}

func ownerOf(t *testing.T, path string) uint32 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Uid
}

func TestOwnershipChown(t *testing.T) {
	needRoot(t)
	root := tree(t)
	for _, base := range []uint32{0x160000, 0x170000, 0x170000} {
		if _, _, err := tryOwnership(t, Spec{Root: root, Users: Users{Namespace: usersRange, Base: base, Ownership: ownChown}}); err != nil {
			t.Fatal(err)
		}
		if got := ownerOf(t, filepath.Join(root, "sbin/init")); got != base {
			t.Errorf("its init belongs to %d, want %d", got, base)
		}
	}
	// What was changed once is picked again, and stays as it is.
	base, warned, err := tryOwnership(t, Spec{Root: root})
	if err != nil || base != 0x170000 || warned != "" || ownerOf(t, filepath.Join(root, "etc")) != base {
		t.Errorf("picked %d, files belong to %d, said %q, %v", base, ownerOf(t, filepath.Join(root, "etc")), warned, err)
	}
	if _, _, err := tryOwnership(t, Spec{Root: root, Users: Users{Ownership: ownMap}}); err == nil || !strings.Contains(err.Error(), "belong to ids from 1507328 on") {
		t.Errorf("to map what is changed gives error %v", err)
	}
}

func TestOwnershipAuto(t *testing.T) {
	needRoot(t)
	root := unmappable(t)
	_, _, err := tryOwnership(t, Spec{Root: root, Users: Users{Ownership: ownMap}})
	if err == nil || !strings.Contains(err.Error(), "its ids cannot be mapped") || ownerOf(t, root) != 0 {
		t.Errorf("to map what cannot be mapped gives error %v, owner %d", err, ownerOf(t, root))
	}
	_, _, err = tryOwnership(t, Spec{Root: root, ReadOnly: true})
	if err == nil || !strings.Contains(err.Error(), "read_only, volatile and ephemeral forbid") || ownerOf(t, root) != 0 {
		t.Errorf("to change what is read-only gives error %v, owner %d", err, ownerOf(t, root))
	}
	base, warned, err := tryOwnership(t, Spec{Root: root})
	if err != nil || ownerOf(t, root) != base || !strings.Contains(warned, "has no ID-mapped mounts") {
		t.Errorf("with auto they belong to %d, want %d, said %q, %v", ownerOf(t, root), base, warned, err)
	}
	if again, warned, err := tryOwnership(t, Spec{Root: root}); err != nil || again != base || warned != "" {
		t.Errorf("another time it has ids from %d on, said %q, %v", again, warned, err)
	}
}
