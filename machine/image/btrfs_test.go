// SPDX-License-Identifier: Apache-2.0

package image

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
	"machined-go/machine/tree"
)

// btrfsPool is a directory on a btrfs of its own with the subvolume "web", and
// another in that.
func btrfsPool(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("mkfs.btrfs"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and btrfs-progs")
	}
	disk, dir := filepath.Join(t.TempDir(), "disk"), t.TempDir()
	must(t, os.WriteFile(disk, nil, 0o644))
	must(t, os.Truncate(disk, 128<<20))
	must(t, exec.Command("mkfs.btrfs", "-q", disk).Run())
	if out, err := exec.Command("mount", "-o", "loop", disk, dir).CombinedOutput(); err != nil {
		t.Skipf("no btrfs or no loop devices: %s", out)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, 0)) })
	makeSubvolume(t, filepath.Join(dir, "web"))
	must(t, os.WriteFile(filepath.Join(dir, "web/file"), make([]byte, 64<<10), 0o644))
	makeSubvolume(t, filepath.Join(dir, "web/nested"))
	return dir
}

func makeSubvolume(t *testing.T, path string) {
	t.Helper()
	p, dir, err := place(path)
	must(t, err)
	defer dir.Close()
	must(t, sys.MakeSubvolume(p.Dir, p.Name))
}

func TestSubvolume(t *testing.T) {
	dir := btrfsPool(t)
	web := imageIn(t, dir, "web")
	if web.Type != Subvolume || web.ReadOnly || web.Created == 0 || web.Modified < web.Created || web.Usage != Unknown {
		t.Errorf("%+v", web)
	}
	must(t, web.MarkReadOnly(true))
	if web = imageIn(t, dir, "web"); !web.ReadOnly {
		t.Error("not marked")
	}
	for name, readOnly := range map[string]bool{"copy": false, "locked": true} {
		to, at, err := place(filepath.Join(dir, name))
		must(t, err)
		must(t, web.copyTo(t.Context(), to, readOnly, func(tree.Progress) { t.Error("files are copied one by one") }))
		at.Close()
		if got := imageIn(t, dir, name); got.Type != Subvolume || got.ReadOnly != readOnly || !exists(filepath.Join(dir, name, "file")) {
			t.Errorf("%+v", got)
		}
	}
	must(t, web.Rename("shop"))
	shop := imageIn(t, dir, "shop")
	must(t, shop.Remove(t.Context())) // with the one in it, read-only or not
	locked := imageIn(t, dir, "locked")
	must(t, locked.Remove(t.Context()))
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) != 1 || left[0].Name() != "copy" {
		t.Errorf("left: %v", left)
	}
}

func TestLimit(t *testing.T) {
	dir := btrfsPool(t)
	web := imageIn(t, dir, "web")
	if err := web.SetLimit(1 << 20); !errors.Is(err, unix.ENOTCONN) && err != nil {
		t.Errorf("without quotas: %v", err)
	}
	must(t, exec.Command("btrfs", "quota", "enable", dir).Run())
	unix.Sync() // what is not on the disk is not counted
	must(t, exec.Command("btrfs", "quota", "rescan", "-w", dir).Run())
	must(t, web.SetLimit(1<<20))
	if web = imageIn(t, dir, "web"); web.Limit != 1<<20 || web.LimitExclusive != Unknown || web.Usage < 64<<10 || web.Usage > 1<<20 || web.UsageExclusive > web.Usage {
		t.Errorf("%+v", web)
	}
	if err := os.WriteFile(filepath.Join(dir, "web/large"), make([]byte, 2<<20), 0o644); !errors.Is(err, unix.EDQUOT) {
		t.Errorf("beyond the limit: %v", err)
	}
	must(t, web.SetLimit(Unknown))
	if web = imageIn(t, dir, "web"); web.Limit != Unknown {
		t.Errorf("%+v", web)
	}
}
