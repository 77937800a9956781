// SPDX-License-Identifier: Apache-2.0

package image

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"deb": true, ".hidden": true, "a b": true, "ünï": true, "": false, ".": false, "..": false,
		".#temp": false, "a/b": false, "a\nb": false, "\xff": false,
		".layers": false, ".blobs": false,
	} {
		if got := ValidName(name); got != want {
			t.Errorf("ValidName(%q) = %v", name, got)
		}
	}
}

func TestFindAndList(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	must(t, os.Mkdir(filepath.Join(first, "deb"), 0o755))
	must(t, os.Mkdir(filepath.Join(second, "deb"), 0o755))
	must(t, os.WriteFile(filepath.Join(second, "disk.raw"), make([]byte, 4096), 0o444))
	must(t, os.WriteFile(filepath.Join(second, "no-image"), nil, 0o644))
	for _, name := range []string{".#half", ".layers", ".blobs"} {
		must(t, os.Mkdir(filepath.Join(second, name), 0o755))
	}
	must(t, os.Symlink(filepath.Join(first, "deb"), filepath.Join(second, "linked")))
	must(t, os.Symlink("nowhere", filepath.Join(second, "dangling")))
	dirs := []string{first, filepath.Join(first, "missing"), second}

	got, err := list(dirs)
	must(t, err)
	want := map[string]string{".host": "/", "deb": filepath.Join(first, "deb"), "disk": filepath.Join(second, "disk.raw"), "linked": filepath.Join(second, "linked")}
	if len(got) != len(want) {
		t.Errorf("list = %+v", got)
	}
	for _, img := range got {
		if want[img.Name] != img.Path {
			t.Errorf("image %q is at %q, want %q", img.Name, img.Path, want[img.Name])
		}
		again, err := find(dirs, img.Name)
		must(t, err)
		if again.Path != img.Path || again.Type != img.Type {
			t.Errorf("find(%q) = %+v, list has %+v", img.Name, again, img)
		}
	}
	disk, err := find(dirs, "disk")
	must(t, err)
	if disk.Type != Raw || !disk.ReadOnly || disk.Limit != 4096 || disk.Modified == 0 {
		t.Errorf("disk = %+v", disk)
	}
	for _, name := range []string{"no-image", "dangling", "disk.raw"} {
		if img, err := find(dirs, name); !errors.Is(err, ErrNotFound) {
			t.Errorf("find(%q) = %+v, %v, want ErrNotFound", name, img, err)
		}
	}
}

func TestLockExcludes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("locks are in /run/systemd/nspawn: needs root")
	}
	tree := filepath.Join(t.TempDir(), "tree")
	must(t, os.Mkdir(tree, 0o755))
	shared, err := Lock(tree, false)
	must(t, err)
	second, err := Lock(tree, false)
	must(t, err)
	if _, err := Lock(tree, true); !errors.Is(err, ErrLocked) {
		t.Errorf("exclusive beside shared: %v", err)
	}
	Sweep(tree)
	if names, _ := lockNames(tree); !exists(names[0]) || !exists(names[1]) {
		t.Error("Sweep removed files of locks that are held")
	}
	for _, f := range append(shared, second...) {
		f.Close()
	}
	exclusive, err := Lock(tree, true)
	must(t, err)
	if _, err := Lock(tree, false); !errors.Is(err, ErrLocked) {
		t.Errorf("shared beside exclusive: %v", err)
	}
	alias := tree + "-alias"
	must(t, os.Symlink(tree, alias))
	if _, err := Lock(alias, true); !errors.Is(err, ErrLocked) {
		t.Errorf("exclusive by another name: %v", err)
	}
	if names, _ := lockNames(alias); exists(names[0]) {
		t.Errorf("a lock in vain left %s", names[0])
	}
	for _, f := range exclusive {
		f.Close()
	}
	Sweep(tree)
	names, _ := lockNames(tree)
	for _, n := range names {
		if exists(n) {
			t.Errorf("%s is left over", n)
		}
	}
	if _, err := Lock("/", true); !errors.Is(err, ErrLocked) {
		t.Errorf("exclusive lock of /: %v", err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestKinds(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{
		"v1.v/v1_1.9", "v1.v/v1_1.10", "v1.v/v1_9_nios2", "e1.v/other", "w1.raw.v/w1_3.raw", "m1.mstack/layer@0", "m1.mstack/rw", "m2.mstack/layer@0",
		"m3.mstack.v/m3_1.mstack/layer@0", "y1.raw", ".v", ".raw.v/_1.raw", "..v/._1",
	} {
		must(t, os.MkdirAll(filepath.Join(dir, path), 0o755))
	}
	for _, path := range []string{"w2.raw.v/w2_1.raw", "w2.raw.v/w2_2.raw", "l1.img", ".raw"} {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, path), nil, 0o644))
	}
	must(t, os.Symlink("l1.img", filepath.Join(dir, "l1.raw")))
	want := map[string]struct {
		path, kind string
		readOnly   bool
	}{
		"v1": {"v1.v/v1_1.10", Directory, false}, "w2": {"w2.raw.v/w2_2.raw", Raw, false}, "l1": {"l1.raw", Raw, false},
		"m1": {"m1.mstack", Stack, false}, "m2": {"m2.mstack", Stack, true}, "m3": {"m3.mstack.v/m3_1.mstack", Stack, true},
	}
	all, err := list([]string{dir})
	must(t, err)
	if len(all) != len(want)+1 { // and the host's
		t.Errorf("list = %+v", all)
	}
	for name, w := range want {
		img, err := find([]string{dir}, name)
		must(t, err)
		if img.Name != name || img.Path != filepath.Join(dir, w.path) || img.Type != w.kind || img.ReadOnly != w.readOnly {
			t.Errorf("%+v, want %+v", img, w)
		}
	}
	for _, name := range []string{"e1", "e1.v", "w1", "y1", "y1.raw", "v1.v", "m1.mstack"} {
		if img, err := find([]string{dir}, name); !errors.Is(err, ErrNotFound) {
			t.Errorf("find(%q) = %+v, %v", name, img, err)
		}
	}
	for name, errno := range map[string]error{"v1": unix.EOPNOTSUPP, "m1": unix.EOPNOTSUPP} {
		img, err := find([]string{dir}, name)
		must(t, err)
		if err := img.Rename("other"); !errors.Is(err, errno) {
			t.Errorf("rename %q: %v", name, err)
		}
	}
}
