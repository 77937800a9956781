// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"slices"

	"golang.org/x/sys/unix"
)

// Where the fields of struct seccomp_data lie (linux/seccomp.h). Arguments are 64 bits wide; every CPU of ours is
// little-endian, so the low half comes first.
const (
	dataNumber = 0
	dataArch   = 4
	dataArg0   = 16
	dataArg1   = 24
	dataArg2   = 32
)

// label is a place in a program under assembly, counted from the program's end.
type label int

// reach is how far a conditional jump is sent. Its offset has 8 bits; the slack lets one instruction be put between
// choosing a target and jumping there.
const reach = 250

// assembler writes a program back to front, so that every jump's target is known when the jump is written. Classic BPF
// only jumps forward, so this order is always possible.
//
// It uses no more than what the kernel follows to learn that a call's verdict depends on nothing but its number
// (seccomp_is_const_allow in kernel/seccomp.c, since Linux 5.11): loads of number and architecture, JA, JEQ, JGE, RET.
// Such calls then pass by a bitmap, and the filter is not run at all.
type assembler struct {
	code    []unix.SockFilter // last instruction first
	returns map[uint32]label  // the newest RET of each value
	checks  map[verdict]label
	// families are those of sockets, in the order of their numbers.
	families []family
	chains   [][]condition // by verdict.chain-1
	known    map[string]int
}

func newAssembler() *assembler {
	return &assembler{returns: map[uint32]label{}, checks: map[verdict]label{}, known: map[string]int{}}
}

// add puts an instruction in front of the program.
func (a *assembler) add(code uint16, k uint32, jt, jf int) label {
	a.code = append(a.code, unix.SockFilter{Code: code, Jt: uint8(jt), Jf: uint8(jf), K: k})
	return label(len(a.code) - 1)
}

// distance is the offset of a jump to l written next.
func (a *assembler) distance(l label) int { return len(a.code) - 1 - int(l) }

// near returns l, or a jump to it if l is out of reach of a conditional jump.
func (a *assembler) near(l label) label {
	if a.distance(l) <= reach {
		return l
	}
	return a.add(unix.BPF_JMP|unix.BPF_JA, uint32(a.distance(l)), 0, 0)
}

// branch writes a conditional jump.
func (a *assembler) branch(test uint16, k uint32, yes, no label) label {
	yes = a.near(yes)
	no = a.near(no)
	return a.add(unix.BPF_JMP|unix.BPF_K|test, k, a.distance(yes), a.distance(no))
}

// load writes a load of one word of seccomp_data, after which the program goes on at next.
func (a *assembler) load(offset uint32, next label) label {
	if d := a.distance(next); d != 0 {
		a.add(unix.BPF_JMP|unix.BPF_JA, uint32(d), 0, 0)
	}
	return a.add(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offset, 0, 0)
}

// ret returns a RET of value, an earlier one if it is in reach.
func (a *assembler) ret(value uint32) label {
	if l, ok := a.returns[value]; ok && a.distance(l) <= reach {
		return l
	}
	l := a.add(unix.BPF_RET|unix.BPF_K, value, 0, 0)
	a.returns[value] = l
	return l
}

// search writes a balanced search over spans, for the number in the accumulator. Spans begin where the one before
// ends; the first is entered for every number below the second.
func (a *assembler) search(spans []span) label {
	switch {
	case len(spans) == 1:
		return a.leaf(spans[0].verdict)
	case len(spans) == 3 && spans[0].verdict == spans[2].verdict && spans[1].first+1 == spans[2].first:
		// One number unlike its neighbours on both sides: one comparison instead of two.
		rest, odd := a.leaf(spans[0].verdict), a.leaf(spans[1].verdict)
		return a.branch(unix.BPF_JEQ, spans[1].first, odd, rest)
	}
	middle := len(spans) / 2
	above := a.search(spans[middle:])
	below := a.search(spans[:middle])
	return a.branch(unix.BPF_JGE, spans[middle].first, above, below)
}

// leaf writes what is done about a call once its number is known.
func (a *assembler) leaf(v verdict) label {
	if v.check == unchecked && v.chain == 0 {
		return a.ret(v.ret)
	}
	l, ok := a.checks[v]
	if !ok {
		l = a.look(v)
		a.checks[v] = l
	}
	return l
}

// assemble writes the whole program: one search per architecture, and bad for any other.
func assemble(searches []search, families []family, bad uint32) []unix.SockFilter {
	a := newAssembler()
	a.families = families
	return a.assemble(searches, bad)
}

func (a *assembler) assemble(searches []search, bad uint32) []unix.SockFilter {
	entries := make([]label, len(searches))
	for i, s := range slices.Backward(searches) {
		entries[i] = a.load(dataNumber, a.search(s.spans))
	}
	next := a.ret(bad)
	for i, s := range slices.Backward(searches) {
		next = a.branch(unix.BPF_JEQ, s.arch, entries[i], next)
	}
	a.load(dataArch, next)
	slices.Reverse(a.code)
	return a.code
}
