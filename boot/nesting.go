// SPDX-License-Identifier: Apache-2.0

package boot

import "machined-go/boot/userns"

// nestedRanges is how many ranges of ids a machine gets for machines of its own that is to have some and names no number.
const nestedRanges = 4

// delegates is how many further ranges of ids the machine gets. One that is in another does with what that one has been given.
func (s Spec) delegates() int {
	if s.Users.Delegate == 0 && s.Security.Nesting && s.Container == nil && s.Users.picks() && !userns.Within() {
		return nestedRanges
	}
	return s.Users.Delegate
}

// here makes of the spec what can be had on this host. Where it is in a user namespace that has no ids for machines, a machine has those
// of its host, in a user namespace of its own.
func (s Spec) here() Spec {
	if s.Container == nil && s.Users.picks() && userns.Within() && len(userns.Given()) == 0 {
		s.Users.Namespace = usersIdentity
	}
	return s
}

// nestingCalls are what container managers need beyond what every machine may call. With a user namespace of its own a machine has
// keyrings anyway, and rules for devices, which are programs for bpf(2), are not for it to make.
var nestingCalls = []string{"@keyring", "bpf"}
