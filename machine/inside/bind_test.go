// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"machined-go/machine/tree"
)

// shifted is where the users of a test's machine begin on the host.
const shifted = 200000

// machineIn starts a process with mounts and users of its own, whose root is
// ours.
func machineIn(t *testing.T) *Guest {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("makes namespaces: needs root")
	}
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: shifted, Size: 65536}}
	cmd := exec.Command("sleep", "600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids}
	if err := cmd.Start(); err != nil {
		t.Skipf("no namespaces here: %v", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(pidfd) })
	g, err := Open(cmd.Process.Pid, pidfd)
	must(t, err)
	t.Cleanup(g.Close)
	return g
}

// in runs a program in the machine's namespaces.
func in(t *testing.T, g *Guest, args ...string) (string, error) {
	t.Helper()
	out, err := exec.Command("nsenter", append([]string{"-U", "-m", "-t", strconv.Itoa(g.pid), "-S0", "-G0", "--"}, args...)...).CombinedOutput()
	return string(out), err
}

func TestBind(t *testing.T) {
	g := machineIn(t)
	// Everybody may come here, or the machine's root could not.
	dir, err := os.MkdirTemp("/var/tmp", "bind-test-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	must(t, os.Chown(dir, shifted, shifted))
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "a/b")
	must(t, os.Mkdir(src, 0o755))
	put(t, src, "f", "text")

	if err := g.Bind(Bind{Source: src, Dest: dst}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without mkdir: %v", err)
	}
	must(t, g.Bind(Bind{Source: src, Dest: dst, Mkdir: true}))
	if out, err := in(t, g, "stat", "-c", "%u %n", dst+"/f"); err != nil || out != "0 "+dst+"/f\n" {
		t.Errorf("in the machine: %s %v", out, err)
	}
	if _, err := os.Stat(dst + "/f"); err == nil {
		t.Error("it is bound on the host")
	}
	before := mounts(t)
	if out, err := in(t, g, "mount", "-t", "tmpfs", "none", dst); err != nil {
		t.Fatalf("mount in it: %s", out)
	}
	must(t, g.Bind(Bind{Source: src, Dest: dst}))
	if after := mounts(t); before != after {
		t.Errorf("the host has %d mounts, %d before", after, before)
	}
	for range 3 {
		must(t, g.Unbind(dst))
	}
	if err := g.Unbind(dst); !errors.Is(err, ErrNotBound) {
		t.Errorf("once too often: %v", err)
	}
	if err := g.Unbind("/proc/sys"); !errors.Is(err, unix.EPERM) {
		t.Errorf("of what guards the host: %v", err)
	}
}

// What is bound read-only cannot be made writable from inside.
func TestBindReadOnly(t *testing.T) {
	g := machineIn(t)
	dir, err := os.MkdirTemp("/var/tmp", "bind-test-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	put(t, dir, "src/f", "text")
	put(t, dir, "dst/f", "")
	before := mounts(t)
	for _, name := range []string{"", "/f"} {
		dst := dir + "/dst" + name
		must(t, g.Bind(Bind{Source: dir + "/src" + name, Dest: dst, ReadOnly: true}))
		if out, err := in(t, g, "mount", "-o", "remount,bind,rw", dst); err == nil {
			t.Errorf("%s was made writable: %s", dst, out)
		}
		if out, err := in(t, g, "sh", "-c", "echo x >"+dir+"/dst/f"); err == nil {
			t.Errorf("%s was written: %s", dst, out)
		}
		if out, err := in(t, g, "cat", dir+"/dst/f"); err != nil || out != "text" {
			t.Errorf("%s: %q, %v", dst, out, err)
		}
	}
	must(t, g.Unbind(dir+"/dst/f"))
	must(t, g.Unbind(dir+"/dst"))
	if after := mounts(t); before != after {
		t.Errorf("the host has %d mounts, %d before", after, before)
	}
}

func mounts(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	return bytes.Count(b, []byte("\n"))
}

func TestCopyInAndOut(t *testing.T) {
	g := machineIn(t)
	dir, err := os.MkdirTemp("/var/tmp", "copy-test-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	put(t, dir, "src/sub/f", "text")
	must(t, os.Chown(dir+"/src/sub/f", 1000, 1000))
	var told tree.Progress
	must(t, g.CopyIn(t.Context(), dir+"/src", dir+"/in", CopyOptions{Told: func(p tree.Progress) { told = p }}))
	for _, name := range []string{"in", "in/sub", "in/sub/f"} {
		if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Sys().(*syscall.Stat_t).Uid != shifted {
			t.Errorf("%s: %+v, %v", name, st, err)
		}
	}
	if told != (tree.Progress{Files: 3, Bytes: 4}) {
		t.Errorf("told %+v", told)
	}
	must(t, g.CopyOut(t.Context(), dir+"/in", dir+"/out", CopyOptions{}))
	if st, err := os.Stat(dir + "/out/sub/f"); err != nil || st.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("out: %+v, %v", st, err)
	}
	if err := g.CopyOut(t.Context(), dir+"/in/sub/f", dir+"/out/sub/f", CopyOptions{}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("onto a file: %v", err)
	}
}

func TestIDs(t *testing.T) {
	g := machineIn(t)
	host, err := g.HostID(Users, 1000)
	if err != nil || host != shifted+1000 {
		t.Errorf("%d, %v", host, err)
	}
	own, err := g.OwnID(Groups, shifted+7)
	if err != nil || own != 7 {
		t.Errorf("%d, %v", own, err)
	}
	if _, err := g.HostID(Users, 70000); !errors.Is(err, ErrNoShift) {
		t.Errorf("beyond the range: %v", err)
	}
	if _, err := g.OwnID(Users, 1000); !errors.Is(err, ErrNoShift) {
		t.Errorf("the host's: %v", err)
	}
}
