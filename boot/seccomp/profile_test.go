// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	eperm  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	einval = unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)
	enosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	allow  = unix.SECCOMP_RET_ALLOW
)

// numberOf is a call's number in a table.
func numberOf(t testing.TB, table []call, name string) uint32 {
	t.Helper()
	for _, c := range table {
		if callNames[c.name] == name {
			return c.number
		}
	}
	t.Fatalf("no call %q", name)
	return 0
}

func assembled(t testing.TB, p Profile) []unix.SockFilter {
	t.Helper()
	prog, err := p.Program()
	if err != nil {
		t.Fatal(err)
	}
	sound(t.(*testing.T), prog)
	return prog
}

func TestProfile(t *testing.T) {
	prog := assembled(t, Profile{
		Default: eperm, Compat: []uint32{unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_AARCH64}, Arch: "amd64",
		Rules: []Rule{
			{Calls: []string{"read", "write", "no_such_call"}, Return: allow},
			{Calls: []string{"read"}, Return: einval}, // said already
			// As podman's own profile has it: no audit sockets.
			{Calls: []string{"socket"}, Return: einval, Args: []Arg{{Index: 0, Value: unix.AF_NETLINK}, {Index: 2, Value: 9}}},
			{Calls: []string{"socket"}, Return: allow, Args: []Arg{{Index: 2, Op: NotEqual, Value: 9}}},
			{Calls: []string{"socket"}, Return: allow, Args: []Arg{{Index: 0, Op: NotEqual, Value: unix.AF_NETLINK}}},
			{Calls: []string{"clone"}, Return: allow, Args: []Arg{{Index: 0, Op: MaskedEqual, Mask: 0x7e020000, Value: 0}}},
			{Calls: []string{"personality"}, Return: allow, Args: []Arg{{Index: 0, Value: 0}, {Index: 0, Value: 0xffffffff}}},
			{Calls: []string{"ioctl"}, Return: einval, Args: []Arg{{Index: 1, Value: 1 << 40}}},
			{Calls: []string{"ioctl"}, Return: allow},
			{Calls: []string{"bind"}, Return: allow},
			{Calls: []string{"statx"}, Return: allow},
		},
	})
	native := func(name string, args ...uint64) data {
		d := data{number: numberOf(t, callsX86_64[:], name), arch: unix.AUDIT_ARCH_X86_64}
		copy(d.args[:], args)
		return d
	}
	compat := func(name string, args ...uint64) data {
		d := data{number: numberOf(t, callsI386[:], name), arch: unix.AUDIT_ARCH_I386}
		copy(d.args[:], args)
		return d
	}
	for _, tt := range []struct {
		name string
		data data
		want uint32
	}{
		{"read", native("read"), allow},
		{"no rule", native("mount"), eperm},
		{"audit socket", native("socket", unix.AF_NETLINK, 0, 9), einval},
		{"netlink socket", native("socket", unix.AF_NETLINK, 0, 0), allow},
		{"socket of another family", native("socket", unix.AF_INET, 0, 9), allow},
		{"clone of a thread", native("clone", 0x10f00), allow},
		{"clone of a user namespace", native("clone", unix.CLONE_NEWUSER|0xf00), eperm},
		{"personality 0", native("personality", 0), allow},
		{"personality query", native("personality", 0xffffffff), allow},
		{"personality 8", native("personality", 8), eperm},
		{"a rule without conditions", native("ioctl", 0, 1<<40), allow},
		{"newer than the profile", native("openat2"), enosys},
		{"unheard of", data{number: 5000, arch: unix.AUDIT_ARCH_X86_64}, enosys},
		{"skipped by a tracer", data{number: skipped, arch: unix.AUDIT_ARCH_X86_64}, allow},
		{"x32", data{number: x32, arch: unix.AUDIT_ARCH_X86_64}, retBadArch},
		{"i386 read", compat("read"), allow},
		{"i386 bind by socketcall", compat("socketcall", 2), allow},
		{"i386 connect by socketcall", compat("socketcall", 3), eperm},
		{"foreign", data{number: 63, arch: unix.AUDIT_ARCH_AARCH64}, retBadArch},
	} {
		if got := must(t, prog, tt.data); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, action(got), action(tt.want))
		}
	}
}

func TestProfileThatAllows(t *testing.T) {
	prog := assembled(t, Profile{Default: allow, X32: true, Arch: "amd64",
		Rules: []Rule{{Calls: []string{"mount"}, Return: eperm}, {Calls: []string{"socket"}, Return: eperm}}})
	mount := numberOf(t, callsX86_64[:], "mount")
	for number, want := range map[uint32]uint32{mount: eperm, mount + 1: allow, x32 + mount: eperm, 5000: allow, x32 + 5000: allow} {
		if got := must(t, prog, data{number: number, arch: unix.AUDIT_ARCH_X86_64}); got != want {
			t.Errorf("number %#x: %s, want %s", number, action(got), action(want))
		}
	}
	if got := must(t, prog, data{number: 3, arch: unix.AUDIT_ARCH_I386}); got != retBadArch {
		t.Errorf("an architecture that is not listed: %s", action(got))
	}
}

// matches is match in Go.
func (a Arg) matches(v uint64) bool {
	switch a.Op {
	case Equal:
		return v == a.Value
	case NotEqual:
		return v != a.Value
	case Less:
		return v < a.Value
	case LessEqual:
		return v <= a.Value
	case Greater:
		return v > a.Value
	case GreaterEqual:
		return v >= a.Value
	}
	return v&a.Mask == a.Value
}

// Whatever the conditions, the program answers as the rules read.
func FuzzProfileConditions(f *testing.F) {
	f.Add(uint64(1), uint64(1))
	f.Add(uint64(7), uint64(1<<33))
	f.Fuzz(func(t *testing.T, seed1, seed2 uint64) {
		r := rand.New(rand.NewPCG(seed1, seed2))
		values := []uint64{0, 1, 2, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1 << 63, ^uint64(0), r.Uint64()}
		pick := func() uint64 { return values[r.IntN(len(values))] }
		var rules []Rule
		for i := range 1 + r.IntN(80) {
			rule := Rule{Calls: []string{"ioctl"}, Return: unix.SECCOMP_RET_ERRNO | uint32(i+1)}
			for _, index := range r.Perm(6)[:1+r.IntN(5)] {
				rule.Args = append(rule.Args, Arg{index, Op(r.IntN(int(MaskedEqual) + 1)), pick(), pick()})
			}
			rules = append(rules, rule)
		}
		prog := assembled(t, Profile{Default: eperm, Rules: rules, Arch: "amd64"})
		for range 50 {
			d := data{number: numberOf(t, callsX86_64[:], "ioctl"), arch: unix.AUDIT_ARCH_X86_64}
			for i := range d.args {
				d.args[i] = pick()
			}
			want := uint32(eperm)
			i := slices.IndexFunc(rules, func(r Rule) bool {
				return !slices.ContainsFunc(r.Args, func(a Arg) bool { return !a.matches(d.args[a.Index]) })
			})
			if i >= 0 {
				want = rules[i].Return
			}
			if got := must(t, prog, d); got != want {
				t.Fatalf("%+v: %s, want %s of rule %d", d, action(got), action(want), i)
			}
		}
	})
}

func TestProfileTooLong(t *testing.T) {
	var rules []Rule
	for i := range 2000 {
		rules = append(rules, Rule{Calls: []string{"ioctl"}, Return: eperm, Args: []Arg{{Index: 1, Value: uint64(i)}}})
	}
	if _, err := (Profile{Default: allow, Rules: rules}).Program(); err == nil {
		t.Error("a profile longer than the kernel takes is no error")
	}
}

func TestKernelObeysProfile(t *testing.T) {
	if !inChild(t) {
		return
	}
	prog := assembled(t, Profile{Default: allow, Rules: []Rule{
		{Calls: []string{"getpgid"}, Return: einval, Args: []Arg{{Index: 0, Op: Greater, Value: 1 << 20}}},
		{Calls: []string{"getpgid"}, Return: eperm, Args: []Arg{{Index: 0, Op: MaskedEqual, Mask: 0xff, Value: 7}}},
	}})
	runtime.LockOSThread()
	install(t, prog)
	for pid, want := range map[uintptr]unix.Errno{0: 0, 1 << 21: unix.EINVAL, 0x107: unix.EPERM} {
		if _, _, errno := unix.RawSyscall(unix.SYS_GETPGID, pid, 0, 0); errno != want {
			t.Errorf("getpgid(%#x): %v, want %v", pid, errno, want)
		}
	}
}
