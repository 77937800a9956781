// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// chain notes the conditions of a call, and returns by which number a verdict names them; 0 if there are none.
func (a *assembler) chain(t *treatment) int {
	if len(t.rules) == 0 {
		return 0
	}
	key := fmt.Sprint(t.rules)
	if n, ok := a.known[key]; ok {
		return n
	}
	a.chains = append(a.chains, t.rules)
	a.known[key] = len(a.chains)
	return len(a.chains)
}

// conditions writes a chain: the answer of the first condition that holds, or otherwise ret.
func (a *assembler) conditions(chain []condition, ret uint32) label {
	next := a.ret(ret)
	for _, c := range slices.Backward(chain) {
		yes := a.ret(c.ret)
		for _, arg := range slices.Backward(c.args) {
			yes = a.match(arg, yes, next)
		}
		next = yes
	}
	return next
}

// match writes a comparison of an argument, high half first.
func (a *assembler) match(arg Arg, yes, no label) label {
	switch arg.Op {
	case NotEqual:
		return a.match(Arg{arg.Index, Equal, arg.Value, 0}, no, yes)
	case Less:
		return a.match(Arg{arg.Index, GreaterEqual, arg.Value, 0}, no, yes)
	case LessEqual:
		return a.match(Arg{arg.Index, Greater, arg.Value, 0}, no, yes)
	}
	low := uint32(dataArg0 + 8*arg.Index)
	switch arg.Op {
	case Greater, GreaterEqual:
		test := uint16(unix.BPF_JGT)
		if arg.Op == GreaterEqual {
			test = unix.BPF_JGE
		}
		lower := a.load(low, a.branch(test, uint32(arg.Value), yes, no))
		same := a.branch(unix.BPF_JEQ, uint32(arg.Value>>32), lower, no)
		return a.load(low+4, a.branch(unix.BPF_JGT, uint32(arg.Value>>32), yes, same))
	case MaskedEqual:
		value := arg.Value
		lower := a.load(low, a.mask(uint32(arg.Mask), a.branch(unix.BPF_JEQ, uint32(value), yes, no)))
		return a.load(low+4, a.mask(uint32(arg.Mask>>32), a.branch(unix.BPF_JEQ, uint32(value>>32), lower, no)))
	}
	lower := a.load(low, a.branch(unix.BPF_JEQ, uint32(arg.Value), yes, no))
	return a.load(low+4, a.branch(unix.BPF_JEQ, uint32(arg.Value>>32), lower, no))
}

// mask clears bits of the accumulator; the program goes on at next, the instruction written last.
func (a *assembler) mask(bits uint32, next label) label {
	if bits == ^uint32(0) {
		return next
	}
	return a.add(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, bits, 0, 0)
}
