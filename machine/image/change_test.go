// SPDX-License-Identifier: Apache-2.0

package image

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"machined-go/machine/tree"
)

// poolDir is a directory of the test's with an image.
func poolDir(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("locks are in /run/systemd/nspawn: needs root")
	}
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "web/etc"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "disk.raw"), make([]byte, 4096), 0o644))
	return dir
}

func imageIn(t *testing.T, dir, name string) Image {
	t.Helper()
	img, err := find([]string{dir}, name)
	must(t, err)
	return img
}

func TestRename(t *testing.T) {
	dir := poolDir(t)
	must(t, os.WriteFile(filepath.Join(dir, "web.nspawn"), nil, 0o644))
	img := imageIn(t, dir, "web")
	must(t, img.Rename("shop"))
	for _, f := range []string{"shop", "shop.nspawn"} {
		if !exists(filepath.Join(dir, f)) {
			t.Errorf("no %s", f)
		}
	}
	raw := imageIn(t, dir, "disk")
	must(t, raw.Rename("platter"))
	imageIn(t, dir, "platter")
	raw = imageIn(t, dir, "platter")
	if err := raw.Rename("a/b"); !errors.Is(err, unix.EINVAL) {
		t.Errorf("to a bad name: %v", err)
	}
	if err := raw.Rename(HostName); !errors.Is(err, unix.EEXIST) {
		t.Errorf("to a name in use: %v", err)
	}
}

func TestRemove(t *testing.T) {
	dir := poolDir(t)
	must(t, os.Symlink(filepath.Join(dir, "web"), filepath.Join(dir, "linked")))
	linked := imageIn(t, dir, "linked")
	must(t, linked.Remove(t.Context()))
	if !exists(filepath.Join(dir, "web")) || exists(filepath.Join(dir, "linked")) {
		t.Error("a link was followed, or not removed")
	}
	web := imageIn(t, dir, "web")
	locks, err := Lock(web.Path, false)
	must(t, err)
	if err := web.Remove(t.Context()); !errors.Is(err, ErrLocked) {
		t.Errorf("in use: %v", err)
	}
	for _, f := range locks {
		f.Close()
	}
	must(t, web.Remove(t.Context()))
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) != 1 || left[0].Name() != "disk.raw" {
		t.Errorf("left: %v", left)
	}
	host := host()
	if err := host.Remove(t.Context()); !errors.Is(err, unix.EROFS) {
		t.Errorf("the host: %v", err)
	}
}

func TestMarkReadOnly(t *testing.T) {
	dir := poolDir(t)
	for _, name := range []string{"web", "disk"} {
		img := imageIn(t, dir, name)
		for _, on := range []bool{true, false} {
			if err := img.MarkReadOnly(on); errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP) {
				t.Skip("no immutable attribute here")
			} else if err != nil {
				t.Fatal(err)
			}
			if got := imageIn(t, dir, name); got.ReadOnly != on {
				t.Errorf("%s: read-only is %v", name, got.ReadOnly)
			}
		}
	}
	web := imageIn(t, dir, "web")
	must(t, web.MarkReadOnly(true))
	must(t, web.Remove(t.Context()))
}

func TestCloneCopies(t *testing.T) {
	dir := poolDir(t)
	must(t, os.WriteFile(filepath.Join(dir, "web/etc/f"), []byte("x"), 0o640))
	web := imageIn(t, dir, "web")
	to, d, err := place(filepath.Join(dir, "copy"))
	must(t, err)
	defer d.Close()
	var told tree.Progress
	must(t, web.copyTo(t.Context(), to, false, func(p tree.Progress) { told = p }))
	if b, err := os.ReadFile(filepath.Join(dir, "copy/etc/f")); err != nil || string(b) != "x" || told.Files == 0 {
		t.Errorf("%q, %v, told %+v", b, err, told)
	}
	disk := imageIn(t, dir, "disk")
	to.Name = "copy.raw"
	must(t, disk.copyTo(t.Context(), to, true, nil))
	if got := imageIn(t, dir, "copy"); got.Name != "copy" {
		t.Errorf("%+v", got)
	}
	if st, err := os.Stat(filepath.Join(dir, "copy.raw")); err != nil || st.Mode().Perm() != 0o444 || st.Size() != 4096 {
		t.Errorf("%v, %v", st, err)
	}
}

func TestTidy(t *testing.T) {
	dir := poolDir(t)
	for _, d := range []string{removing + "A/x/y", making + "B/z"} {
		must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	held, err := LockName(making + "B")
	must(t, err)
	must(t, tidy(t.Context(), dir))
	if exists(filepath.Join(dir, removing+"A")) || !exists(filepath.Join(dir, making+"B")) {
		t.Error("not what nobody is at was removed")
	}
	sweepLocks(lockDir, "*")
	if !exists(held.Name()) {
		t.Error("a lock was taken from who holds it")
	}
	Release(held)
	left, err := LockName(making + "C")
	must(t, err)
	left.Close()
	sweepLocks(lockDir, "*")
	if exists(left.Name()) {
		t.Error("the file of a lock that nobody holds stays")
	}
	must(t, tidy(t.Context(), dir))
	if exists(filepath.Join(dir, making+"B")) || !exists(filepath.Join(dir, "web")) {
		t.Error("too little or too much was removed")
	}
}
