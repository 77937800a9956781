// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// inChild runs the rest of a test in a process of its own, as there is no way back from a filter. It returns true in
// that process.
func inChild(t *testing.T) bool {
	t.Helper()
	const mark = "SECCOMP_TEST_CHILD"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// install puts a filter on this thread alone. The thread has to be locked, and must not be unlocked again.
func install(t *testing.T, prog []unix.SockFilter) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal("no new privileges:", err)
	}
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&fprog)))
	if errno != 0 {
		t.Fatal("install the filter:", errno)
	}
}

// attempt makes a call and names its errno. A returned fd is closed.
func attempt(number uintptr, args [3]uintptr) string {
	fd, _, errno := unix.Syscall(number, args[0], args[1], args[2])
	if errno != 0 {
		return unix.ErrnoName(errno)
	}
	if number == unix.SYS_SOCKET {
		unix.Close(int(fd))
	}
	return "ok"
}

const bad = ^uintptr(0) // no address, fd or flag

// attempts are calls that do no harm, and what they give under the filter of TestKernelObeys.
var attempts = []struct {
	name    string
	number  uintptr
	args    [3]uintptr
	want    string
	differs bool // without a filter the answer is another one, for anyone
}{
	{"getpid", unix.SYS_GETPID, [3]uintptr{}, "ok", false},
	{"openat of a bad address", unix.SYS_OPENAT, [3]uintptr{bad, bad, 0}, "EFAULT", false},
	{"kexec_load", unix.SYS_KEXEC_LOAD, [3]uintptr{0, 0, 0}, "EPERM", false},
	{"swapoff of a bad address", unix.SYS_SWAPOFF, [3]uintptr{bad}, "EPERM", false},
	{"add_key, all bad", unix.SYS_ADD_KEY, [3]uintptr{bad, bad, bad}, "EPERM", true},
	{"pkey_alloc, all bad", unix.SYS_PKEY_ALLOC, [3]uintptr{bad, bad}, "EPERM", true},
	{"perf_event_open, all bad", unix.SYS_PERF_EVENT_OPEN, [3]uintptr{bad, bad, bad}, "EPERM", true},
	{"mount, denied by settings", unix.SYS_MOUNT, [3]uintptr{bad, bad, bad}, "EPERM", true},
	{"no call at all", 0x3fff, [3]uintptr{}, "ENOSYS", false},
	{"minus one", bad, [3]uintptr{}, "ENOSYS", false},
	{"audit", unix.SYS_SOCKET, [3]uintptr{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT}, "EAFNOSUPPORT", true},
	{"route socket", unix.SYS_SOCKET, [3]uintptr{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, "ok", false},
	{"unix socket", unix.SYS_SOCKET, [3]uintptr{unix.AF_UNIX, unix.SOCK_STREAM, 0}, "ok", false},
}

func TestKernelObeys(t *testing.T) {
	if !inChild(t) {
		return
	}
	runtime.LockOSThread()
	before := make([]string, len(attempts))
	for i, test := range attempts {
		before[i] = attempt(test.number, test.args)
	}
	policy := usual("")
	policy.UserNamespace = false
	policy.Deny = []string{"mount"}
	install(t, program(t, policy))
	for i, test := range attempts {
		got := attempt(test.number, test.args)
		if got != test.want {
			t.Errorf("%s: %s, want %s (%s without the filter)", test.name, got, test.want, before[i])
		}
		if test.differs && got == before[i] {
			t.Errorf("%s: %s without the filter too, so this shows nothing", test.name, got)
		}
	}
}

// The kernel must take every program we can make, the largest as well.
func TestKernelTakesAnyPolicy(t *testing.T) {
	if !inChild(t) {
		return
	}
	runtime.LockOSThread()
	for _, policy := range []Policy{{}, {Allow: []string{known}}, usual(""), {Deny: []string{"@swap", "@reboot"}}} {
		install(t, program(t, policy))
	}
	if got := attempt(unix.SYS_GETPID, [3]uintptr{}); got != "ok" {
		t.Errorf("getpid under four filters: %s", got)
	}
}
