// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFamilies(t *testing.T) {
	const unixFamily, inet, netlink, packet, bluetooth = unix.AF_UNIX, unix.AF_INET, unix.AF_NETLINK, unix.AF_PACKET, unix.AF_BLUETOOTH
	for _, test := range []struct {
		only, no        string
		allow, disallow []uint64
	}{
		{"", "", []uint64{unixFamily, inet, netlink, packet, 0, 1000}, nil},
		{"AF_INET", "", []uint64{inet}, []uint64{unixFamily, netlink, packet, 0, 1, 3, 45, 46, 47, 1000, 1<<32 - 1}},
		{"AF_NETLINK", "", []uint64{netlink}, []uint64{15, 17, inet}},
		{"AF_UNIX AF_NETLINK AF_PACKET", "", []uint64{unixFamily, netlink, packet}, []uint64{inet, 15, 18, bluetooth}},
		{"AF_UNIX AF_INET", "AF_INET", []uint64{unixFamily}, []uint64{inet, netlink}},
		{"none", "", nil, []uint64{unixFamily, inet, netlink, 0, 1000}},
		{"", "AF_BLUETOOTH", []uint64{unixFamily, inet, netlink, 30, 32, 1000}, []uint64{bluetooth}},
		{"", "AF_NETLINK", []uint64{unixFamily, 15, 17}, []uint64{netlink}},
	} {
		for _, n := range numberings() {
			policy := usual(n.goarch)
			policy.OnlyFamilies, policy.NoFamilies = strings.Fields(test.only), strings.Fields(test.no)
			prog := program(t, policy)
			sound(t, prog)
			for want, families := range map[string][]uint64{"allow": test.allow, "EAFNOSUPPORT": test.disallow} {
				for _, af := range families {
					d := data{n.number(t, "socket"), n.arch, [6]uint64{af, unix.SOCK_RAW, 0}}
					if got := action(must(t, prog, d)); got != want {
						t.Errorf("%s: only %q, no %q: family %d gives %s, want %s", n.name, test.only, test.no, af, got, want)
					}
				}
			}
			audit := data{n.number(t, "socket"), n.arch, [6]uint64{netlink, unix.SOCK_RAW, unix.NETLINK_AUDIT}}
			if got := action(must(t, prog, audit)); got != "EAFNOSUPPORT" {
				t.Errorf("%s: only %q, no %q: audit gives %s", n.name, test.only, test.no, got)
			}
		}
	}
}

// What makes sockets past the filter must not be there when families are restricted.
func TestFamiliesHaveNoBackDoor(t *testing.T) {
	policy := usual("amd64")
	for restricted, want := range map[bool]string{false: "allow", true: "ENOSYS"} {
		policy.NoFamilies = nil
		if restricted {
			policy.NoFamilies = []string{"AF_INET"}
		}
		prog := program(t, policy)
		for name, d := range map[string]data{
			"socketcall":            {number: 102, arch: unix.AUDIT_ARCH_I386},
			"io_uring_setup":        {number: unix.SYS_IO_URING_SETUP, arch: unix.AUDIT_ARCH_X86_64},
			"io_uring_setup, 32":    {number: unix.SYS_IO_URING_SETUP, arch: unix.AUDIT_ARCH_I386},
			"io_uring_setup of x32": {number: x32 | unix.SYS_IO_URING_SETUP, arch: unix.AUDIT_ARCH_X86_64},
		} {
			if got := action(must(t, prog, d)); got != want {
				t.Errorf("restricted %v: %s is %s, want %s", restricted, name, got, want)
			}
		}
	}
}

func TestFamilyRefuses(t *testing.T) {
	for _, list := range [][]string{{"AF_INETT"}, {"inet"}, {""}, {"none", "AF_INET"}} {
		if _, err := Program(Policy{OnlyFamilies: list}); err == nil {
			t.Errorf("only %q: no error", list)
		}
		if _, err := Program(Policy{NoFamilies: list}); err == nil {
			t.Errorf("no %q: no error", list)
		}
	}
}

func TestKernelObeysFamilies(t *testing.T) {
	if !inChild(t) {
		return
	}
	runtime.LockOSThread()
	policy := usual("")
	policy.OnlyFamilies = []string{"AF_UNIX"}
	install(t, program(t, policy))
	for family, want := range map[uintptr]string{unix.AF_UNIX: "ok", unix.AF_INET: "EAFNOSUPPORT", unix.AF_NETLINK: "EAFNOSUPPORT"} {
		if got := attempt(unix.SYS_SOCKET, [3]uintptr{family, unix.SOCK_DGRAM, 0}); got != want {
			t.Errorf("family %d: %s, want %s", family, got, want)
		}
	}
}
