// SPDX-License-Identifier: Apache-2.0

// Package seccomp computes a machine's system call filter: one classic BPF program (seccomp(2)) for every system call
// numbering the CPU understands. It is pure; boot/sys installs what it returns.
//
// A call gets one of four answers, as under systemd-nspawn:
//
//	allowed (grants, and the settings)            runs
//	in the tables of this package, not allowed    EPERM
//	anything else, so also any newer call         ENOSYS: libraries then fall back to an older one
//	socket(AF_NETLINK, …, NETLINK_AUDIT)          EAFNOSUPPORT: audit has no namespaces, and its users take this
//	                                              answer for a kernel without it
//
// Settings may refuse further sockets in the same way, and have calls that wait for disks do nothing.
//
// systemd-nspawn 252 installs five programs of 1,518 instructions together; see nspawn_test.go for where the answers
// differ, and why.
package seccomp

import (
	"runtime"

	"golang.org/x/sys/unix"

	"machined-go/boot/caps"
)

// Policy is what the filter of one machine depends on.
type Policy struct {
	// Caps is the machine's bounding set. Calls that are useless without some capability, and a risk with it, are
	// allowed only if it is in here.
	Caps caps.Set
	// UserNamespace says that the machine has a user namespace of its own, which keeps its kernel keyrings apart.
	UserNamespace bool
	// Allow and Deny add to and take from what a machine may call: names of system calls and of groups ("@mount"),
	// as SystemCallFilter= of systemd.nspawn(5) has them. Deny wins. Unlike there, denying a group denies each call
	// in it, whatever else allowed the call.
	Allow, Deny []string
	// OnlyFamilies, unless empty, are the only families of addresses there may be sockets of, NoFamilies are those of which
	// there may be none: names as in address_families(7), or "none" in OnlyFamilies. With either there is no io_uring, nor
	// the socketcall of 32-bit x86, for both make sockets past the filter.
	OnlyFamilies, NoFamilies []string
	// SuppressSync turns calls that wait for disks into calls that do nothing, and refuses O_SYNC and O_DSYNC.
	SuppressSync bool
	// Arch is the CPU by Go's name for it (GOARCH). Empty means the one this runs on.
	Arch string
}

// What a filter returns to the kernel.
const (
	retAllow   = unix.SECCOMP_RET_ALLOW
	retDenied  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	retUnknown = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	retNothing = unix.SECCOMP_RET_ERRNO | 0 // success, but nothing is done
	retNoFlag  = unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)
	retNoAudit = unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)
)

// skipped is the number -1, with which a tracer replaces that of a call it wants skipped (ptrace(2)). The kernel runs
// nothing for it. It must pass, or the filter's errno would overwrite the result the tracer has put in place (filters
// have run after tracers since Linux 4.8).
const skipped = 1<<32 - 1

// verdict is the answer to one call.
type verdict struct {
	ret   uint32
	check check
	chain int // first look at the conditions of this number
}

// span is a run of numbers with the same verdict, up to where the next span begins.
type span struct {
	first   uint32
	verdict verdict
}

// search is all spans of one architecture, from number 0 to the last of 32 bits.
type search struct {
	arch  uint32
	spans []span
}

// Program computes the filter for p. It fails for words in p.Allow and p.Deny that Known does not know, for families
// that Family does not know, and on a CPU for which there are no tables.
//
// An architecture that is not the CPU's gets ENOSYS for everything. No kernel reports one; nspawn lets it pass, since
// each of its programs looks at one architecture only.
func Program(p Policy) ([]unix.SockFilter, error) {
	arch := p.Arch
	if arch == "" {
		arch = runtime.GOARCH
	}
	abis, err := abisOf(arch)
	if err != nil {
		return nil, err
	}
	allowed, err := p.allowed()
	if err != nil {
		return nil, err
	}
	families, err := p.families()
	if err != nil {
		return nil, err
	}
	searches := make([]search, 0, len(abis))
	for _, abi := range abis {
		searches = append(searches, search{abi.arch, p.spansOf(abi, allowed)})
	}
	return assemble(searches, families, retUnknown), nil
}

// Check tells what is wrong with the words of a policy.
func (p Policy) Check() error {
	if err := checkKnown(p.Allow); err != nil {
		return err
	}
	if err := checkKnown(p.Deny); err != nil {
		return err
	}
	_, err := p.families()
	return err
}

// allowed works out which calls the policy lets through.
func (p Policy) allowed() (*callSet, error) {
	set := new(callSet)
	for _, g := range grants {
		if g.need.Without(p.Caps) == 0 {
			set.markAll(g.calls, true)
		}
	}
	if p.UserNamespace {
		set.mark(keyring, true)
	}
	if err := set.markKnown(p.Allow, true); err != nil {
		return nil, err
	}
	if err := set.markKnown(p.Deny, false); err != nil {
		return nil, err
	}
	return set, nil
}

// spansOf joins neighbouring numbers with the same verdict. Holes in the tables stay holes: the number may yet get a
// call, and that one has to be judged first.
func (p Policy) spansOf(a abi, allowed *callSet) []span {
	unknown := verdict{ret: retUnknown}
	spans := make([]span, 0, 256)
	put := func(first uint32, v verdict) {
		if n := len(spans); n == 0 || spans[n-1].verdict != v {
			spans = append(spans, span{first, v})
		}
	}
	next := uint32(0)
	for _, table := range a.tables {
		for _, c := range table {
			if c.number > next {
				put(next, unknown)
			}
			put(c.number, p.verdict(callNames[c.name], allowed[c.name]))
			next = c.number + 1
		}
	}
	put(next, unknown)
	put(skipped, verdict{ret: retAllow})
	return spans
}
