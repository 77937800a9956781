// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/moby/sys/capability"
	"golang.org/x/sys/unix"

	"machined-go/boot/caps"
)

// skip skips with a reason, unless MUST_RUN says that everything has to be there.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("MUST_RUN") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// usual is the policy of a machine that asks for nothing.
func usual(goarch string) Policy {
	return Policy{Caps: caps.Machine(true, true), UserNamespace: true, Arch: goarch}
}

func program(t testing.TB, p Policy) []unix.SockFilter {
	t.Helper()
	prog, err := Program(p)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

// numbering is one of the sets of numbers a CPU understands, from the library's tables and not from ours.
type numbering struct {
	goarch, name string
	arch         uint32
	calls        map[uint32]string
}

func numberings() []numbering {
	tables := libraryTables()
	x86 := maps.Clone(tables["callsX86_64"])
	maps.Copy(x86, tables["callsX32"])
	return []numbering{
		{"amd64", "x86_64 and x32", unix.AUDIT_ARCH_X86_64, x86},
		{"amd64", "i386", unix.AUDIT_ARCH_I386, tables["callsI386"]},
		{"arm64", "aarch64", unix.AUDIT_ARCH_AARCH64, tables["callsAARCH64"]},
		{"arm64", "arm", unix.AUDIT_ARCH_ARM, tables["callsARM"]},
	}
}

// number finds a call's native number, the lowest (so not that of x32).
func (n numbering) number(t testing.TB, name string) uint32 {
	t.Helper()
	best := uint32(skipped)
	for number, call := range n.calls {
		if call == name {
			best = min(best, number)
		}
	}
	if best == skipped {
		t.Fatalf("no number for %s on %s", name, n.name)
	}
	return best
}

// TestEveryNumber judges every number up to well past the tables, on every architecture, against the lists read the
// plain way.
func TestEveryNumber(t *testing.T) {
	for _, n := range numberings() {
		for _, test := range []struct {
			name   string
			policy Policy
			words  string
		}{
			{"usual", usual(n.goarch), usualWords + "@keyring reboot vhangup ptrace"},
			{"no capabilities", Policy{Arch: n.goarch}, usualWords},
			{"all capabilities", Policy{Arch: n.goarch, Caps: caps.All}, usualWords +
				"@clock @module @raw-io @memlock acct ptrace reboot syslog vhangup bpf"},
		} {
			t.Run(n.name+"/"+test.name, func(t *testing.T) {
				n.checkAll(t, program(t, test.policy), expand(test.words))
			})
		}
	}
}

// usualWords is what any machine may call: a second copy of the list, so that no slip in the first goes unseen.
const usualWords = `
	@aio @basic-io @chown @default @file-system @io-event @ipc @mount @network-io @process @resources @sandbox @setuid
	@signal @sync @timer
	arm_fadvise64_64 cachestat capset copy_file_range fadvise64 fadvise64_64 flock futex_requeue futex_wait
	futex_wake get_mempolicy getcpu getpriority ioctl ioprio_get kcmp madvise map_shadow_stack mincore mremap
	name_to_handle_at oldolduname olduname personality readahead readdir remap_file_pages rseq_slice_yield
	sched_get_priority_max sched_get_priority_min sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
	sched_rr_get_interval_time64 sendfile sendfile64 setdomainname setfsgid setfsgid32 setfsuid setfsuid32 sethostname
	setpgid setsid splice sysinfo tee umask uname uprobe uretprobe userfaultfd vmsplice
`

// checkAll compares a filter's answer with the lists for every number that has a call, and for those between and
// around them.
func (n numbering) checkAll(t *testing.T, prog []unix.SockFilter, allowed map[string]bool) {
	t.Helper()
	for _, base := range []uint32{0, x32 - 16, x32, 0x80000000, 0x0f0000, 1<<32 - 1024} {
		for number := base; number-base < 1024 && number != skipped; number++ {
			want := "ENOSYS"
			if name, ok := n.calls[number]; ok && allowed[name] {
				want = "allow"
			} else if ok {
				want = "EPERM"
			}
			if got := action(must(t, prog, data{number: number, arch: n.arch})); got != want {
				t.Errorf("%s %d (%#x): %s, want %s", n.calls[number], number, number, got, want)
			}
		}
	}
}

func TestAuditSocket(t *testing.T) {
	const stream, route = unix.SOCK_STREAM, unix.NETLINK_ROUTE
	for _, test := range []struct {
		name   string
		args   [6]uint64
		policy func(*Policy)
		want   string
	}{
		{"audit", [6]uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT}, nil, "EAFNOSUPPORT"},
		{"audit, other type", [6]uint64{unix.AF_NETLINK, 0x80002, unix.NETLINK_AUDIT, 7, 7, 7}, nil, "EAFNOSUPPORT"},
		// The kernel takes an int: the upper halves do not help to get past.
		{"audit, upper halves", [6]uint64{1<<40 | unix.AF_NETLINK, 2, 1<<63 | unix.NETLINK_AUDIT}, nil, "EAFNOSUPPORT"},
		{"route", [6]uint64{unix.AF_NETLINK, unix.SOCK_RAW, route}, nil, "allow"},
		{"unix", [6]uint64{unix.AF_UNIX, stream, unix.NETLINK_AUDIT}, nil, "allow"},
		{"nine in the wrong place", [6]uint64{unix.NETLINK_AUDIT, unix.AF_NETLINK, 0}, nil, "allow"},
		{"audit denied", [6]uint64{unix.AF_NETLINK, 2, unix.NETLINK_AUDIT}, denySocket, "EAFNOSUPPORT"},
		{"unix denied", [6]uint64{unix.AF_UNIX, stream, 0}, denySocket, "EPERM"},
	} {
		for _, n := range numberings() {
			policy := usual(n.goarch)
			if test.policy != nil {
				test.policy(&policy)
			}
			d := data{number: n.number(t, "socket"), arch: n.arch, args: test.args}
			if got := action(must(t, program(t, policy), d)); got != test.want {
				t.Errorf("%s: socket of %s: %s, want %s", n.name, test.name, got, test.want)
			}
		}
	}
}

func denySocket(p *Policy) { p.Deny = []string{"@network-io"} }

// socketcall and x32's socket need a word: the first passes its arguments in memory, where no filter can look.
func TestAuditSocketElsewhere(t *testing.T) {
	prog := program(t, usual("amd64"))
	audit := [6]uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_AUDIT}
	if got := action(must(t, prog, data{x32 | 41, unix.AUDIT_ARCH_X86_64, audit})); got != "EAFNOSUPPORT" {
		t.Errorf("x32: %s", got)
	}
	if got := action(must(t, prog, data{102, unix.AUDIT_ARCH_I386, audit})); got != "allow" {
		t.Errorf("socketcall: %s", got)
	}
}

// A number is only good with its own architecture, and x86_64's numbers from 512 on only with x32's bit.
func TestArchitectures(t *testing.T) {
	const execveX32, bad = 520, unix.AUDIT_ARCH_S390X
	prog := program(t, usual("amd64"))
	for _, test := range []struct {
		name string
		d    data
		want string
	}{
		{"x86_64 getpid", data{number: 39, arch: unix.AUDIT_ARCH_X86_64}, "allow"},
		{"i386 mkdir", data{number: 39, arch: unix.AUDIT_ARCH_I386}, "allow"},
		{"x86_64 kexec_load", data{number: 246, arch: unix.AUDIT_ARCH_X86_64}, "EPERM"},
		{"i386 kexec_load", data{number: 283, arch: unix.AUDIT_ARCH_I386}, "EPERM"},
		{"x32 kexec_load", data{number: x32 | 528, arch: unix.AUDIT_ARCH_X86_64}, "EPERM"},
		{"x32 kexec_load by x86_64's number", data{number: x32 | 246, arch: unix.AUDIT_ARCH_X86_64}, "ENOSYS"},
		{"x32 execve", data{number: x32 | execveX32, arch: unix.AUDIT_ARCH_X86_64}, "allow"},
		{"x32 execve without its bit", data{number: execveX32, arch: unix.AUDIT_ARCH_X86_64}, "ENOSYS"},
		{"x32's bit on i386", data{number: x32 | 4, arch: unix.AUDIT_ARCH_I386}, "ENOSYS"},
		{"arm on x86", data{number: 1, arch: unix.AUDIT_ARCH_ARM}, "ENOSYS"},
		{"other CPU", data{number: 1, arch: bad}, "ENOSYS"},
		{"skipped by a tracer", data{number: skipped, arch: unix.AUDIT_ARCH_X86_64}, "allow"},
		{"skipped by a tracer, i386", data{number: skipped, arch: unix.AUDIT_ARCH_I386}, "allow"},
		{"skipped on another CPU", data{number: skipped, arch: bad}, "ENOSYS"},
	} {
		if got := action(must(t, prog, test.d)); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestCapabilities(t *testing.T) {
	for _, test := range []struct {
		need  capability.Cap
		calls string
	}{
		{capability.CAP_SYS_TIME, "@clock"},
		{capability.CAP_SYS_MODULE, "@module"},
		{capability.CAP_SYS_RAWIO, "iopl"},
		{capability.CAP_IPC_LOCK, "@memlock"},
		{capability.CAP_SYS_PACCT, "acct"},
		{capability.CAP_SYS_PTRACE, "ptrace"},
		{capability.CAP_SYS_BOOT, "reboot"},
		{capability.CAP_SYSLOG, "syslog"},
		{capability.CAP_SYS_TTY_CONFIG, "vhangup"},
		{capability.CAP_BPF, "bpf"},
	} {
		n := numberings()[0]
		with := program(t, Policy{Caps: caps.Of(test.need), Arch: n.goarch})
		without := program(t, Policy{Caps: caps.All.Drop(test.need), Arch: n.goarch})
		for call := range expand(test.calls) {
			if _, ok := callIndex(call); !ok || strings.HasSuffix(call, "64") {
				continue // clock_adjtime64 and the like: not on x86_64
			}
			d := data{number: n.number(t, call), arch: n.arch}
			if got := action(must(t, with, d)); got != "allow" {
				t.Errorf("%s with %s: %s", call, caps.Name(test.need), got)
			}
			if got := action(must(t, without, d)); got != "EPERM" {
				t.Errorf("%s without %s: %s", call, caps.Name(test.need), got)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	n := numberings()[0]
	for _, test := range []struct {
		name        string
		allow, deny string
		call, want  string
	}{
		{"nothing", "", "", "swapon", "EPERM"},
		{"allow a call", "swapon", "", "swapon", "allow"},
		{"and no other", "swapon", "", "swapoff", "EPERM"},
		{"allow a group", "@swap", "", "swapoff", "allow"},
		{"allow everything", "@known", "", "open_by_handle_at", "allow"},
		{"deny a call", "", "mount", "mount", "EPERM"},
		{"deny a group", "", "@mount", "pivot_root", "EPERM"},
		{"deny a group of groups", "", "@privileged", "chown", "EPERM"},
		{"deny wins", "@swap", "swapon", "swapon", "EPERM"},
		{"deny wins over a group", "swapon", "@swap", "swapon", "EPERM"},
		{"a call of another CPU", "s390_runtime_instr", "riscv_hwprobe", "read", "allow"},
		{"deny everything", "", "@known", "read", "EPERM"},
	} {
		policy := usual(n.goarch)
		policy.Allow, policy.Deny = strings.Fields(test.allow), strings.Fields(test.deny)
		d := data{number: n.number(t, test.call), arch: n.arch}
		if got := action(must(t, program(t, policy), d)); got != test.want {
			t.Errorf("%s: %s is %s, want %s", test.name, test.call, got, test.want)
		}
	}
}

func TestProgramRefuses(t *testing.T) {
	for _, test := range []struct {
		policy Policy
		want   string
	}{
		{Policy{Allow: []string{"read", "raed"}}, `look up system call "raed": no such call or group`},
		{Policy{Deny: []string{"@mounts"}}, `look up system call "@mounts": no such call or group`},
		{Policy{Allow: []string{""}}, `look up system call "": no such call or group`},
		{Policy{Arch: "sparc64"}, `look up system calls of CPU "sparc64": no table`},
	} {
		if _, err := Program(test.policy); err == nil || err.Error() != test.want {
			t.Errorf("%+v: got error %v, want %s", test.policy, err, test.want)
		}
	}
}

func TestKeyringNeedsUserNamespace(t *testing.T) {
	n := numberings()[0]
	for _, own := range []bool{false, true} {
		policy := usual(n.goarch)
		policy.UserNamespace = own
		got := action(must(t, program(t, policy), data{number: n.number(t, "keyctl"), arch: n.arch}))
		if want := map[bool]string{false: "EPERM", true: "allow"}[own]; got != want {
			t.Errorf("user namespace %v: keyctl is %s, want %s", own, got, want)
		}
	}
}

func BenchmarkProgram(b *testing.B) {
	for _, goarch := range []string{"amd64", "arm64"} {
		b.Run(goarch, func(b *testing.B) {
			policy := usual(goarch)
			for b.Loop() {
				program(b, policy)
			}
			b.ReportMetric(float64(len(program(b, policy))), "instructions")
		})
	}
}
