// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// Profile is a system call filter that is given call by call, as containers bring it along (linux.seccomp of the OCI runtime
// specification, which took it from libseccomp).
type Profile struct {
	// Default is what the kernel is told about a call that no rule is about (SECCOMP_RET_…, with an errno in its low half).
	Default uint32
	// Compat are the further architectures (AUDIT_ARCH_…) in which the machine's CPU may be spoken to; in any other a thread
	// that makes a call is killed, as libseccomp does. Those of other CPUs do not matter: no kernel reports them.
	Compat []uint32
	// X32 lets x86_64's x32 ABI, which shares the architecture's number, be judged by the rules; else it counts as another
	// architecture.
	X32 bool
	// Rules are looked at in order.
	Rules []Rule
	// Arch is the CPU by Go's name for it (GOARCH). Empty means the one this runs on.
	Arch string
}

// Rule is what a profile says of calls, by name. A rule without Args holds whatever else is said of a call; with Args it holds if all
// of them match. Names that the tables do not have are no calls of this CPU, and passed over.
type Rule struct {
	Calls  []string
	Return uint32
	Args   []Arg
}

// Arg is a condition on an argument of a call.
type Arg struct {
	Index int // 0 to 5
	Op    Op
	Value uint64
	Mask  uint64 // for MaskedEqual
}

// Op is how an argument is compared, without a sign.
type Op int

// The comparisons of libseccomp. MaskedEqual compares the argument's bits that are in the mask.
const (
	Equal Op = iota
	NotEqual
	Less
	LessEqual
	Greater
	GreaterEqual
	MaskedEqual
)

// retBadArch is what a call in an architecture gets that the profile does not list.
const retBadArch = unix.SECCOMP_RET_KILL_THREAD

// treatment is what a profile says of one call: the first of its conditions that holds, or else ret.
type treatment struct {
	ret    uint32
	always bool // whether a rule without conditions has been seen
	rules  []condition
}

// condition is a rule's arguments and what is returned if they match.
type condition struct {
	args []Arg
	ret  uint32
}

// Program computes the filter. It fails if the filter would be longer than the kernel takes, and on a CPU for which there are no
// tables.
//
// Where the default is an errno, calls that are newer than all that the profile knows of get ENOSYS instead, as with runc: a program
// then falls back to an older call, where another errno would have it give up.
func (p Profile) Program() ([]unix.SockFilter, error) {
	arch := p.Arch
	if arch == "" {
		arch = runtime.GOARCH
	}
	abis, err := abisOf(arch)
	if err != nil {
		return nil, err
	}
	a := newAssembler()
	searches := make([]search, 0, len(abis))
	for i, abi := range abis {
		if i == 0 || slices.Contains(p.Compat, abi.arch) {
			searches = append(searches, search{abi.arch, p.spansOf(abi, a)})
		}
	}
	prog := a.assemble(searches, retBadArch)
	const most = 4096 // BPF_MAXINSNS
	if len(prog) > most {
		return nil, fmt.Errorf("assemble system call filter: %d instructions, the kernel takes %d", len(prog), most)
	}
	return prog, nil
}

// treatments works out what the profile says of each call, by its place in callNames, in the architecture arch.
func (p Profile) treatments(arch uint32) map[int]*treatment {
	all := map[int]*treatment{}
	of := func(name string) *treatment {
		i, ok := callIndex(name)
		if !ok {
			return nil
		}
		if all[i] == nil {
			all[i] = &treatment{ret: p.Default}
		}
		return all[i]
	}
	for _, r := range p.Rules {
		for _, name := range r.Calls {
			if t := of(name); t != nil {
				t.add(r)
			}
			if m, ok := multiplexed[name]; ok && arch == unix.AUDIT_ARCH_I386 && len(r.Args) == 0 {
				number := Arg{Index: 0, Op: Equal, Value: m.number}
				of(m.by).add(Rule{Return: r.Return, Args: []Arg{number}})
			}
		}
	}
	return all
}

func (t *treatment) add(r Rule) {
	switch {
	case t.always:
	case len(r.Args) == 0:
		*t = treatment{ret: r.Return, always: true}
	default:
		for _, args := range alternatives(r.Args) {
			t.rules = append(t.rules, condition{args, r.Return})
		}
	}
}

// alternatives are the conditions of a rule: one, or each by itself if there are several on the same argument, which is how runc
// and crun read them since libseccomp cannot.
func alternatives(args []Arg) [][]Arg {
	seen := map[int]bool{}
	for _, a := range args {
		if seen[a.Index] {
			var each [][]Arg
			for _, a := range args {
				each = append(each, []Arg{a})
			}
			return each
		}
		seen[a.Index] = true
	}
	return [][]Arg{args}
}

// spansOf is spansOf of a policy for a profile.
func (p Profile) spansOf(abi abi, a *assembler) []span {
	said := p.treatments(abi.arch)
	var spans spanList
	for i, table := range abi.tables {
		first := uint32(0)
		if i > 0 { // x32
			first = x32
			if !p.X32 {
				spans.put(first, verdict{ret: retBadArch})
				break
			}
		}
		spans.put(first, verdict{ret: p.Default})
		newest := first
		for _, c := range table {
			v := verdict{ret: p.Default}
			if t := said[int(c.name)]; t != nil {
				v = verdict{ret: t.ret, chain: a.chain(t)}
				newest = c.number + 1
			}
			spans.put(c.number, v)
			spans.put(c.number+1, verdict{ret: p.Default})
		}
		spans.cut(newest)
		spans.put(newest, verdict{ret: p.unheardOf()})
	}
	spans.put(skipped, verdict{ret: retAllow})
	return spans
}

// unheardOf is what a call gets that is newer than the profile.
func (p Profile) unheardOf() uint32 {
	if p.Default&unix.SECCOMP_RET_ACTION_FULL == unix.SECCOMP_RET_ERRNO {
		return retUnknown
	}
	return p.Default
}

// spanList is spans under construction.
type spanList []span

// put begins a span, unless the last one has the same verdict; one that begins at the same number is replaced.
func (l *spanList) put(first uint32, v verdict) {
	l.cut(first)
	if n := len(*l); n == 0 || (*l)[n-1].verdict != v {
		*l = append(*l, span{first, v})
	}
}

// cut takes away the spans that begin at first or above.
func (l *spanList) cut(first uint32) {
	for len(*l) > 0 && (*l)[len(*l)-1].first >= first {
		*l = (*l)[:len(*l)-1]
	}
}
