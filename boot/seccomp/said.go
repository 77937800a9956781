// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Profile says what the filter does call by call, for somebody else to make a filter of. It is the same filter on every CPU of ours,
// but that it does not say SuppressSync, and that a socket of a family beyond AF_MAX, which no kernel has, is refused.
func (p Policy) Profile() (Profile, error) {
	arch := p.Arch
	if arch == "" {
		arch = runtime.GOARCH
	}
	abis, err := abisOf(arch)
	if err != nil {
		return Profile{}, err
	}
	allowed, err := p.allowed()
	if err != nil {
		return Profile{}, err
	}
	families, err := p.families()
	if err != nil {
		return Profile{}, err
	}
	p.SuppressSync = false
	out := Profile{Default: retUnknown, X32: len(abis[0].tables) > 1, Arch: p.Arch}
	for _, abi := range abis[1:] {
		out.Compat = append(out.Compat, abi.arch)
	}
	calls := map[uint32][]string{}
	for i, name := range callNames {
		v := p.verdict(name, allowed[i])
		if v.check == ofSocket {
			out.Rules = append(out.Rules, p.socketRules(families, v.ret)...)
		} else if v.ret != out.Default {
			calls[v.ret] = append(calls[v.ret], name)
		}
	}
	for _, ret := range []uint32{retAllow, retDenied} {
		out.Rules = append(out.Rules, Rule{Calls: calls[ret], Return: ret})
	}
	return out, nil
}

// socketRules are spansOfFamilies as rules. With restrictions, what is allowed is named: libseccomp compares 64 bits, of which the
// kernel takes 32, so that whatever is refused could come by another number.
func (p Policy) socketRules(families []family, ret uint32) (rules []Rule) {
	put := func(ret uint32, args ...Arg) {
		rules = append(rules, Rule{Calls: []string{"socket"}, Return: ret, Args: args})
	}
	netlink := Arg{Index: 0, Op: Equal, Value: unix.AF_NETLINK}
	audit := Arg{Index: 2, Op: Equal, Value: unix.NETLINK_AUDIT}
	notAudit := Arg{Index: 2, Op: NotEqual, Value: unix.NETLINK_AUDIT}
	if !p.restrictsFamilies() {
		put(ret, notAudit)
		put(ret, Arg{Index: 0, Op: NotEqual, Value: unix.AF_NETLINK})
		put(retNoAudit, netlink, audit)
		return rules
	}
	for i, f := range families {
		end := uint32(unix.AF_MAX)
		if i < len(families)-1 {
			end = families[i+1].first
		}
		for n := f.first; n < end; n++ {
			family := Arg{Index: 0, Op: Equal, Value: uint64(n)}
			switch {
			case f.refused:
				put(retNoAudit, family)
			case n == unix.AF_NETLINK:
				put(ret, netlink, notAudit)
				put(retNoAudit, netlink, audit)
			default:
				put(ret, family)
			}
		}
	}
	put(retNoAudit, Arg{Index: 0, Op: GreaterEqual, Value: unix.AF_MAX})
	return rules
}
