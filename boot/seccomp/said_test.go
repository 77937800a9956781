// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"testing"

	"golang.org/x/sys/unix"

	"machined-go/boot/caps"
)

// A filter made of what a policy says does what the policy's own filter does.
func TestProfileOfPolicy(t *testing.T) {
	for _, p := range []Policy{
		{Caps: caps.Machine(true, true), UserNamespace: true},
		{Caps: caps.Machine(false, false), Allow: []string{"@clock", "bpf"}, Deny: []string{"@keyring", "mount", "socket"}},
		{Caps: caps.All, OnlyFamilies: []string{"AF_UNIX", "AF_NETLINK"}},
		{Caps: caps.All, NoFamilies: []string{"AF_VSOCK", "AF_PACKET"}},
		{OnlyFamilies: []string{"none"}},
	} {
		for _, arch := range []string{"amd64", "arm64"} {
			p.Arch = arch
			own, err := Program(p)
			if err != nil {
				t.Fatal(err)
			}
			profile, err := p.Profile()
			if err != nil {
				t.Fatal(err)
			}
			said, err := profile.Program()
			if err != nil {
				t.Fatal(err)
			}
			same(t, arch, own, said)
		}
	}
}

// same tries all calls, known and unknown, and all sockets.
func same(t *testing.T, arch string, own, said []unix.SockFilter) {
	t.Helper()
	abis, err := abisOf(arch)
	if err != nil {
		t.Fatal(err)
	}
	for _, abi := range abis {
		for i, table := range abi.tables {
			for number := range uint32(600) {
				if i > 0 {
					number |= x32
				}
				d := data{number: number, arch: abi.arch}
				if a, b := must(t, own, d), must(t, said, d); a != b {
					t.Errorf("call %#x of %#x: %s, and by what is said %s", number, abi.arch, action(a), action(b))
				}
			}
			for _, c := range table {
				if callNames[c.name] != "socket" {
					continue
				}
				for family := range uint64(unix.AF_MAX) {
					for protocol := range uint64(12) {
						d := data{number: c.number, arch: abi.arch, args: [6]uint64{family, 0, protocol}}
						if a, b := must(t, own, d), must(t, said, d); a != b {
							t.Errorf("socket(%d, 0, %d): %s, and by what is said %s", family, protocol, action(a), action(b))
						}
					}
				}
			}
		}
	}
}
