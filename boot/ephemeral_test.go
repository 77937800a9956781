// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// rebootOnce is what a machine does that reboots in its first boot, and tells by its exit status what is left in its second.
const rebootOnce = "reboot once"

const (
	rebootFailed = 3
	keptChanges  = 7
	lostTree     = 8
)

func rebootOrEnd() int {
	if _, err := os.Stat("/etc/changed"); err == nil {
		if b, _ := os.ReadFile("/etc/image"); string(b) != "inside" {
			return lostTree
		}
		return keptChanges
	}
	for _, name := range []string{"/etc/changed", "/etc/image", "/new/file"} {
		if err := os.WriteFile(name, []byte("inside"), 0o644); err != nil {
			return rebootFailed
		}
	}
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	return rebootFailed
}

// ephemeral runs a machine that reboots once, from the image root, and returns its exit status.
func ephemeral(t *testing.T, root string) int {
	t.Helper()
	f := &Foreground{
		Starter:   Starter{Units: &fakeUnits{t: t}, Registry: &fakeRegistry{}},
		LockImage: func(sys.Locker) ([]*os.File, error) { return nil, nil },
	}
	spec := Spec{
		Name: "boot-ephemeral", Root: root, Ephemeral: true, Environment: map[string]string{insideVar: rebootOnce},
		Binds: []Bind{{Target: "/new"}},
	}
	if err := spec.Validate(); err != nil {
		t.Fatal(err)
	}
	ws, err := f.Run(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return ws.ExitStatus()
}

// leftOvers are what ephemeral machines of the test would leave.
func leftOvers(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{filepath.Join(sys.Scratch, "boot-ephemeral-*"), filepath.Join(filepath.Dir(root), ".#*"), filepath.Join(sys.Notes, "boot-ephemeral")} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

func TestEphemeral(t *testing.T) {
	needRoot(t)
	root := tree(t)
	fill(t, root, map[string]string{"etc/image": "of the image"})
	for range 2 { // the second finds nothing of the first
		if got := ephemeral(t, root); got != keptChanges {
			t.Errorf("ended with %d, want %d after a reboot that keeps changes", got, keptChanges)
		}
	}
	checkImage(t, root)
}

func checkImage(t *testing.T, root string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, "etc/changed")); err == nil {
		t.Error("a file was made in the image")
	}
	if b, _ := os.ReadFile(filepath.Join(root, "etc/image")); !bytes.Equal(b, []byte("of the image")) {
		t.Errorf("a file of the image is %q now", b)
	}
	if left := leftOvers(t, root); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestEphemeralSnapshot(t *testing.T) {
	needRoot(t)
	if _, err := exec.LookPath("mkfs.btrfs"); err != nil {
		if os.Getenv("MUST_RUN") != "" {
			t.Fatal(err)
		}
		t.Skip("needs btrfs-progs")
	}
	disk, pool := filepath.Join(t.TempDir(), "disk"), t.TempDir()
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(disk, 512<<20); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"mkfs.btrfs", "-q", disk}, {"mount", "-o", "loop", disk, pool}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", args, out)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(pool, 0); err != nil {
			t.Error(err)
		}
	})
	dir, err := unix.Open(pool, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = sys.MakeSubvolume(dir, "web")
	unix.Close(dir)
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(pool, "web")
	if out, err := exec.Command("cp", "-a", tree(t)+"/.", root).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	fill(t, root, map[string]string{"etc/image": "of the image"})
	if path := snapshotPath(Spec{Name: "web", Root: root, Ephemeral: true}); path == "" {
		t.Error("no snapshot is made of a subvolume")
	}
	if got := ephemeral(t, root); got != keptChanges {
		t.Errorf("ended with %d, want %d after a reboot that keeps changes", got, keptChanges)
	}
	checkImage(t, root)
}
