// SPDX-License-Identifier: Apache-2.0

package seccomp

import "golang.org/x/sys/unix"

// check is what is asked about the arguments of a call before its verdict counts.
type check uint8

const (
	unchecked   check = iota
	ofSocket          // its family, and the protocol of a netlink socket
	ofNetlink         // its protocol: none for audit
	ofSync            // a sync of a descriptor does nothing, but for one that cannot be: EBADF then, as without us
	ofOpenFlags       // the second argument does not have O_DSYNC, which is in O_SYNC too
	ofOpenAtFlags
)

// verdict is the answer to one call.
func (p Policy) verdict(name string, allowed bool) verdict {
	if !allowed {
		v := verdict{ret: retDenied}
		if name == "socket" {
			v.check = ofSocket
		}
		return v
	}
	switch name {
	case "socket":
		return verdict{ret: retAllow, check: ofSocket}
	case "socketcall", "io_uring_setup":
		if p.restrictsFamilies() {
			return verdict{ret: retUnknown}
		}
	}
	if p.SuppressSync {
		return withoutSync(name)
	}
	return verdict{ret: retAllow}
}

// withoutSync is the verdict on calls if nothing is to wait for disks, as systemd's seccomp_suppress_sync has it. openat2 hides
// its flags behind a pointer, so it is not there.
func withoutSync(name string) verdict {
	switch name {
	case "fdatasync", "fsync", "sync_file_range", "sync_file_range2", "syncfs":
		return verdict{ret: retAllow, check: ofSync}
	case "sync", "msync":
		return verdict{ret: retNothing}
	case "open":
		return verdict{ret: retAllow, check: ofOpenFlags}
	case "openat":
		return verdict{ret: retAllow, check: ofOpenAtFlags}
	case "openat2":
		return verdict{ret: retUnknown}
	}
	return verdict{ret: retAllow}
}

// look writes what is asked about a call's arguments.
func (a *assembler) look(v verdict) label {
	switch v.check {
	case unchecked:
		return a.conditions(a.chains[v.chain-1], v.ret)
	case ofSocket:
		return a.load(dataArg0, a.search(spansOfFamilies(a.families, v.ret)))
	case ofNetlink:
		return a.compare(dataArg2, unix.BPF_JEQ, unix.NETLINK_AUDIT, retNoAudit, v.ret)
	case ofSync:
		return a.compare(dataArg0, unix.BPF_JGE, 1<<31, v.ret, retNothing)
	case ofOpenFlags:
		return a.compare(dataArg1, unix.BPF_JSET, unix.O_DSYNC, retNoFlag, v.ret)
	case ofOpenAtFlags:
		return a.compare(dataArg2, unix.BPF_JSET, unix.O_DSYNC, retNoFlag, v.ret)
	}
	panic("a check that nobody wrote")
}

// compare writes a load of an argument, a test of it, and the two answers.
func (a *assembler) compare(offset uint32, test uint16, k uint32, yes, no uint32) label {
	ifSo, ifNot := a.ret(yes), a.ret(no)
	return a.load(offset, a.branch(test, k, ifSo, ifNot))
}
