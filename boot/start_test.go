// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// The tests boot trees whose only program is this test binary: its TestMain runs inside when the variable says so.
const insideVar = "BOOT_TEST_INSIDE"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "getent" {
		os.Exit(getent(os.Args[1], os.Args[2]))
	}
	if what := os.Getenv(insideVar); what != "" {
		os.Exit(inside(what))
	}
	os.Exit(m.Run())
}

// needRoot skips a test that needs privileges, unless a skip is a failure.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	if os.Getenv("MUST_RUN") != "" {
		t.Fatal("MUST_RUN is set and this test needs root")
	}
	t.Skip("needs root")
}

// fakeUnits stands for systemd: it makes a cgroup by hand.
type fakeUnits struct {
	t    *testing.T
	fail error
	got  Scope
}

func (u *fakeUnits) StartScope(_ context.Context, s Scope) (func(), error) {
	u.got = s
	if u.fail != nil {
		return nil, u.fail
	}
	dir := filepath.Join(cgroupRoot(), "boot-test-"+strconv.Itoa(s.PID))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	u.t.Cleanup(func() {
		for range 100 {
			if err := os.Remove(dir); err == nil || errors.Is(err, fs.ErrNotExist) {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		u.t.Errorf("cgroup %s is still in use", dir)
	})
	return nil, os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(s.PID)), 0)
}

type fakeRegistry struct {
	registered, unregistered []string
	fail                     error
}

func (r *fakeRegistry) Register(_ context.Context, reg Registration) error {
	r.registered = append(r.registered, reg.Name)
	return r.fail
}

func (r *fakeRegistry) Unregister(_ context.Context, name string) error {
	r.unregistered = append(r.unregistered, name)
	return nil
}

// tree makes a root directory with the test binary as /sbin/init.
func tree(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	if f, err := elf.Open("/proc/self/exe"); err != nil || f.Section(".interp") != nil {
		t.Fatalf("the test binary must run alone in a tree, so it must be static: set CGO_ENABLED=0 (%v)", err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"sbin", "etc", "usr", "proc", "sys", "dev", "run", "tmp", "root"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "sbin/init"), self, 0o755); err != nil {
		t.Fatal(err)
	}
	for dir := root; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// boot starts the tree with the standard streams of this process; what comes out of it is returned with its exit status.
func bootInside(t *testing.T, what string, change func(*Spec)) (out []byte, status unix.WaitStatus) {
	t.Helper()
	needRoot(t)
	spec := Spec{Name: "boot-test", Root: tree(t), Environment: map[string]string{insideVar: what}, Network: Network{Veth: new(false)}}
	if change != nil {
		change(&spec)
	}
	return bootPlan(t, planFor(t, spec))
}

// bootPlan is bootInside for a plan.
func bootPlan(t *testing.T, plan *Plan) (out []byte, status unix.WaitStatus) {
	t.Helper()
	s := &Starter{Units: &fakeUnits{t: t}, Registry: &fakeRegistry{}}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	saved, err := unix.Dup(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup3(int(w.Fd()), 1, 0); err != nil {
		t.Fatal(err)
	}
	m, err := s.Start(t.Context(), plan, nil)
	_ = unix.Dup3(saved, 1, 0)
	unix.Close(saved)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if _, err := buf.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	status, err = m.Leader.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return buf.Bytes(), status
}

func planFor(t testing.TB, spec Spec) *Plan {
	t.Helper()
	host, err := ReadHost()
	if err != nil {
		t.Fatal(err)
	}
	if err := spec.Validate(); err != nil {
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
	f := Facts{Tree: tr, Base: r.Base, Delegated: r.bases(), BootID: NewID(), MachineID: NewID(), Host: host}
	if spec.needsScratch() {
		f.Scratch = sys.ScratchPath(spec.Name)
		if err := sys.MakeScratch(f.Scratch); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := sys.RemoveScratch(f.Scratch); err != nil {
				t.Error(err)
			}
		})
	}
	if f.Config, err = readConfig(spec, f.MachineID); err != nil {
		t.Fatal(err)
	}
	if f.Bound, err = findBound(spec, tr.Taken); err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(spec, f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Report is what the program inside sees.
type Report struct {
	PID, UID, GID  int
	Hostname       string
	Env            []string
	FDs            []string
	Cwd            string
	Mounts         string
	Cgroup         string
	BootID         string
	CapEff, CapBnd string
	Seccomp        string
	Processes      []string
	Interfaces     []string
	NetNS          uint64            // inode number of its network namespace
	Ping           string            // who may send ICMP echo requests
	Forwarding     string            // what comes of opening a parameter of its network for writing
	Errors         map[string]string // errno text of things that must fail, "" where they did not
}

func inside(what string) int {
	if code, err := strconv.Atoi(what); err == nil {
		return code
	}
	if what == rebootOnce {
		return rebootOrEnd()
	}
	if lines, ok := strings.CutPrefix(what, probeWord); ok {
		return probe(lines)
	}
	if program, ok := programs()[what]; ok {
		return program()
	}
	r := Report{PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid(), Env: os.Environ(), Errors: map[string]string{}}
	r.Hostname, _ = os.Hostname()
	r.Cwd, _ = os.Getwd()
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		to, err := os.Readlink("/proc/self/fd/" + fd.Name())
		if err == nil && !strings.Contains(to, "eventpoll") && !strings.Contains(to, "eventfd") {
			r.FDs = append(r.FDs, to)
		}
	}
	read := func(path string) string { b, _ := os.ReadFile(path); return strings.TrimSpace(string(b)) }
	r.Mounts, r.Cgroup, r.BootID = read("/proc/self/mountinfo"), read("/proc/self/cgroup"), read("/proc/sys/kernel/random/boot_id")
	r.Ping = read("/proc/sys/net/ipv4/ping_group_range")
	if f, err := os.OpenFile("/proc/sys/net/ipv4/ip_forward", os.O_WRONLY, 0); err != nil {
		r.Forwarding = err.Error()
	} else {
		f.Close()
	}
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/net", &st) == nil {
		r.NetNS = st.Ino
	}
	for line := range strings.Lines(read("/proc/self/status")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
		switch key {
		case "CapEff":
			r.CapEff = value
		case "CapBnd":
			r.CapBnd = value
		case "Seccomp":
			r.Seccomp = value
		}
	}
	for _, dir := range []struct {
		path string
		to   *[]string
	}{{"/proc", &r.Processes}, {"/sys/class/net", &r.Interfaces}} {
		names, _ := os.ReadDir(dir.path)
		for _, n := range names {
			if _, err := strconv.Atoi(n.Name()); err == nil || dir.path != "/proc" {
				*dir.to = append(*dir.to, n.Name())
			}
		}
	}
	for name, err := range attempts() {
		r.Errors[name] = ""
		if err != nil {
			r.Errors[name] = err.Error()
		}
	}
	_ = json.NewEncoder(os.Stdout).Encode(r)
	return 0
}

// attempts are what root of a machine tries and must not succeed in.
func attempts() map[string]error {
	write := func(path string) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			f.Close()
		}
		return err
	}
	read := func(path string) error {
		f, err := os.Open(path)
		if err == nil {
			f.Close()
		}
		return err
	}
	tries := map[string]error{
		"unmount /proc/kcore":           unix.Unmount("/proc/kcore", unix.MNT_DETACH),
		"unmount /proc/sys":             unix.Unmount("/proc/sys", unix.MNT_DETACH),
		"unmount boot id":               unix.Unmount("/proc/sys/kernel/random/boot_id", unix.MNT_DETACH),
		"remount /proc/sys":             unix.Mount("", "/proc/sys", "", unix.MS_REMOUNT|unix.MS_BIND, ""),
		"remount /sys/kernel":           unix.Mount("", "/sys/kernel", "", unix.MS_REMOUNT|unix.MS_BIND, ""),
		"mount a second proc":           unix.Mount("proc", "/root", "proc", 0, ""),
		"mount a second sysfs":          unix.Mount("sysfs", "/root", "sysfs", 0, ""),
		"open /proc/kcore":              read("/proc/kcore"),
		"open /proc/keys":               read("/proc/keys"),
		"open /proc/kallsyms":           read("/proc/kallsyms"),
		"open /proc/timer_list":         read("/proc/timer_list"),
		"open /proc/kmsg":               read("/proc/kmsg"),
		"write /proc/sysrq-trigger":     write("/proc/sysrq-trigger"),
		"write core_pattern":            write("/proc/sys/kernel/core_pattern"),
		"write uevent_helper":           write("/sys/kernel/uevent_helper"),
		"write /run/host/os-release":    write("/run/host/os-release"),
		"write /run/host/container-uui": write("/run/host/container-uuid"),
		"make a disk node": func() error {
			if err := unix.Mknod("/dev/sda", unix.S_IFBLK|0o600, int(unix.Mkdev(8, 0))); err != nil {
				return err
			}
			return read("/dev/sda")
		}(),
		"load a kernel": func() error { _, _, e := unix.Syscall(unix.SYS_KEXEC_LOAD, 0, 0, 0); return errno(e) }(),
		"set the clock": unix.Settimeofday(&unix.Timeval{Sec: 1}),
		"audit socket": func() error {
			_, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT)
			return err
		}(),
		"leave the cgroup": os.WriteFile("/sys/fs/cgroup/cgroup.max.depth", []byte("max"), 0),
	}
	return tries
}

func errno(e unix.Errno) error {
	if e == 0 {
		return nil
	}
	return e
}

func TestMachineFromInside(t *testing.T) {
	out, status := bootInside(t, "report", nil)
	var r Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: output %q, %v", err, out, status)
	}
	if status.ExitStatus() != 0 {
		t.Errorf("ended with %v", status)
	}
	if os.Getenv("VERBOSE") != "" {
		t.Logf("%+v\n%s", r, r.Mounts)
	}
	if r.PID != 1 || r.UID != 0 || r.GID != 0 || r.Hostname != "boot-test" || r.Cwd != "/" {
		t.Errorf("pid %d uid %d gid %d host %q in %q, want 1 0 0 boot-test in /", r.PID, r.UID, r.GID, r.Hostname, r.Cwd)
	}
	if len(r.Processes) != 1 {
		t.Errorf("processes %v are visible, want only 1", r.Processes)
	}
	if len(r.Interfaces) != 1 || r.Interfaces[0] != "lo" {
		t.Errorf("network interfaces %v, want only lo", r.Interfaces)
	}
	if r.Cgroup != "0::/" && !strings.HasSuffix(r.Cgroup, "\n0::/") {
		t.Errorf("cgroup is %q, want the root of an own namespace", r.Cgroup)
	}
	if host, _ := os.ReadFile("/proc/sys/kernel/random/boot_id"); r.BootID == "" || r.BootID == strings.TrimSpace(string(host)) {
		t.Errorf("boot id %q, want one that is not the host's", r.BootID)
	}
	if want := "00000000fdecbfff"; r.CapEff != want || r.CapBnd != want {
		t.Errorf("capabilities %s, bounding %s; want %s", r.CapEff, r.CapBnd, want)
	}
	if r.Seccomp != "2" {
		t.Errorf("seccomp mode %s, want 2", r.Seccomp)
	}
	for name, e := range r.Errors {
		if e == "" {
			t.Errorf("%s: succeeded from inside", name)
		}
	}
}

func TestNothingOfTheHostLeaksIn(t *testing.T) {
	leak, err := os.Open("/etc")
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	if _, err := unix.FcntlInt(leak.Fd(), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET", "of the host")
	out, _ := bootInside(t, "report", nil)
	var r Report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	for _, fd := range r.FDs[3:] {
		if !strings.HasPrefix(fd, "/proc/1/fd") && !strings.HasPrefix(fd, "anon_inode") {
			t.Errorf("descriptor of %s leaked in: %v", fd, r.FDs)
		}
	}
	for _, e := range r.Env {
		if strings.HasPrefix(e, "SECRET=") {
			t.Errorf("environment leaked in: %v", r.Env)
		}
	}
	for line := range strings.Lines(r.Mounts) {
		if fields := strings.Fields(line); strings.HasPrefix(fields[4], "/work") || strings.HasPrefix(fields[4], "/mnt") {
			t.Errorf("mount of the host is visible: %s", line)
		}
	}
}

func TestExitStatus(t *testing.T) {
	if _, status := bootInside(t, "42", nil); status.ExitStatus() != 42 {
		t.Errorf("ended with %v, want exit status 42", status)
	}
}

func TestStartUndoesEverything(t *testing.T) {
	needRoot(t)
	for name, s := range map[string]struct {
		units    *fakeUnits
		registry *fakeRegistry
	}{
		"scope":    {&fakeUnits{t: t, fail: errors.New("no scope today")}, &fakeRegistry{}},
		"registry": {&fakeUnits{t: t}, &fakeRegistry{fail: errors.New("no registry today")}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := Spec{Name: "boot-undo", Root: tree(t), Network: Network{Veth: new(true)}}
			_, err := (&Starter{Units: s.units, Registry: s.registry}).Start(t.Context(), planFor(t, spec), nil)
			if err == nil || !strings.Contains(err.Error(), "today") {
				t.Fatalf("got error %v", err)
			}
			if err := unix.Kill(s.units.got.PID, 0); err != unix.ESRCH {
				t.Errorf("leader %d is left: %v", s.units.got.PID, err)
			}
			if out, _ := exec.Command("cat", "/proc/net/dev").Output(); strings.Contains(string(out), "ve-boot-undo") {
				t.Errorf("veth is left:\n%s", out)
			}
		})
	}
}

func TestCommandThatIsNoProgram(t *testing.T) {
	needRoot(t)
	root := tree(t)
	if err := os.WriteFile(filepath.Join(root, "bad"), []byte("not a program"), 0o755); err != nil {
		t.Fatal(err)
	}
	spec := Spec{Name: "boot-bad", Root: root, Command: []string{"/bad"}}
	_, err := (&Starter{Units: &fakeUnits{t: t}, Registry: &fakeRegistry{}}).Start(t.Context(), planFor(t, spec), nil)
	var bad *CommandError
	if !errors.As(err, &bad) || !errors.Is(err, unix.ENOEXEC) {
		t.Errorf("got %v, want a CommandError with ENOEXEC", err)
	}
}

func BenchmarkStart(b *testing.B) {
	spec := Spec{Name: "boot-bench", Root: tree(b), Environment: map[string]string{insideVar: "0"}, Network: Network{Veth: new(false)}}
	p := planFor(b, spec)
	s := &Starter{Units: noUnits{}, Registry: &fakeRegistry{}}
	for b.Loop() {
		m, err := s.Start(b.Context(), p, nil)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = m.Leader.Wait()
		m.Notify.Close()
	}
}

type noUnits struct{}

func (noUnits) StartScope(_ context.Context, s Scope) (func(), error) {
	dir := filepath.Join(cgroupRoot(), "boot-bench")
	_ = os.Mkdir(dir, 0o755)
	return nil, os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(s.PID)), 0)
}
