// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"slices"
	"strings"
)

// ImagePolicy says of each kind of partition of a disk image whether it may be there, whether it is used, and how it must be protected
// (systemd.image-policy(7) of systemd 262).
type ImagePolicy struct {
	text  string
	rules map[string]policyFlags // by the partition's designator
	rest  policyFlags            // of those that have no rule
}

// policyFlags are what a rule allows.
type policyFlags uint32

const (
	policyVerity policyFlags = 1 << iota
	policySigned
	policyEncrypted
	policyIntegrity // encrypted, and proven
	policyUnprotected
	policyUnused
	policyAbsent
	policyReadOnlyOn
	policyReadOnlyOff
	policyGrowOn
	policyGrowOff
	policyBtrfs
	policyErofs
	policyExt4
	policyF2fs
	policySquashfs
	policyVfat
	policyXfs
	policyEnd

	policyIgnore   = policyUnused | policyAbsent
	policyOpen     = policyReadOnlyOn - 1
	policyReadOnly = policyReadOnlyOn | policyReadOnlyOff
	policyGrow     = policyGrowOn | policyGrowOff
	policyTypes    = policyEnd - policyBtrfs
)

// policyWords are the flags by their names, the lowest first; "open" and "ignore" are short for several.
var policyWords = []string{
	"verity", "signed", "encrypted", "encryptedwithintegrity", "unprotected", "unused", "absent",
	"read-only-on", "read-only-off", "growfs-on", "growfs-off",
	"btrfs", "erofs", "ext4", "f2fs", "squashfs", "vfat", "xfs",
}

// designators are the kinds of partitions that policies know.
var designators = []string{
	"root", "usr", "home", "srv", "esp", "xbootldr", "swap", "root-verity", "usr-verity", "root-verity-sig", "usr-verity-sig", "tmp", "var",
}

// maxPolicy bounds the length of a policy, which has at most one rule for each kind of partition.
const maxPolicy = 4096

// ParseImagePolicy reads a policy: rules "KIND=FLAG+FLAG…" with colons between them, of which one without a kind is for all others, or
// "*" (all is allowed), "-" (nothing is used) or "~" (nothing may be there).
func ParseImagePolicy(text string) (ImagePolicy, error) {
	p := ImagePolicy{text: text, rules: map[string]policyFlags{}, rest: policyIgnore}
	symbols := map[string]policyFlags{"*": policyOpen, "-": policyIgnore, "~": policyAbsent}
	if flags, ok := symbols[text]; ok {
		p.rest = flags
		return p, nil
	}
	if len(text) > maxPolicy {
		return p, fmt.Errorf("image policy is longer than %d bytes", maxPolicy)
	}
	seen := map[string]bool{}
	for rule := range strings.SplitSeq(text, ":") {
		kind, words, ok := strings.Cut(rule, "=")
		if kind = strings.TrimSpace(kind); !ok {
			return p, fmt.Errorf("image policy %q: rule %q is not PARTITION=FLAG+FLAG…", text, rule)
		}
		flags, err := parsePolicyFlags(strings.TrimSpace(words))
		switch {
		case err != nil:
		case seen[kind]:
			err = fmt.Errorf("there are two rules for partition %q", kind)
		case kind == "":
			p.rest = flags
		case !slices.Contains(designators, kind):
			err = fmt.Errorf("no partition is called %q: known are %s", kind, strings.Join(designators, ", "))
		default:
			p.rules[kind] = flags
		}
		if err != nil {
			return p, fmt.Errorf("image policy %q: %w", text, err)
		}
		seen[kind] = true
	}
	return p, nil
}

func parsePolicyFlags(text string) (flags policyFlags, err error) {
	if text == "" || text == "-" {
		return 0, nil
	}
	for word := range strings.SplitSeq(text, "+") {
		word = strings.TrimSpace(word)
		switch i := slices.Index(policyWords, word); {
		case i >= 0:
			flags |= 1 << i
		case word == "open":
			flags |= policyOpen
		case word == "ignore":
			flags |= policyIgnore
		default:
			return 0, fmt.Errorf("no flag is called %q: known are open, ignore, %s", word, strings.Join(policyWords, ", "))
		}
	}
	return flags, nil
}

// String gives flags as a rule has them.
func (f policyFlags) String() string {
	var words []string
	for i, word := range policyWords {
		if f&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, "+")
}

// normal fills in what a rule leaves open, and takes out what a kind of partition cannot be (partition_policy_normalized_flags of
// systemd's src/shared/image-policy.c).
func (f policyFlags) normal(kind string) policyFlags {
	for _, group := range []policyFlags{policyOpen, policyReadOnly, policyGrow} {
		if f&group == 0 {
			f |= group
		}
	}
	if strings.Contains(kind, "-verity") {
		f &^= policyEncrypted | policyIntegrity
	}
	if kind != "root" && kind != "usr" {
		f &^= policyVerity | policySigned
	}
	if f&policyOpen == policyAbsent {
		f &^= policyReadOnly | policyGrow
	}
	return f
}

// rule gives what is allowed of a kind of partition. What proves another may be there, unless a rule says otherwise, where that must or
// may be proven (image_policy_get_exhaustively).
func (p ImagePolicy) rule(kind string) policyFlags {
	if flags, ok := p.rules[kind]; ok {
		return flags.normal(kind)
	}
	data, proof, ok := strings.Cut(kind, "-")
	if _, ruled := p.rules[data]; ok && ruled {
		needs := policySigned
		if proof == "verity" {
			needs |= policyVerity
		}
		if flags := p.rule(data); flags&needs != 0 {
			return (policyUnprotected | flags&(policyIgnore|policyReadOnly|policyGrow)).normal(kind)
		}
	}
	return p.rest.normal(kind)
}

// Use tells whether a partition of that kind, which is there, is to be used, or passed over. It is an error if there may be none.
func (p ImagePolicy) Use(kind string) (bool, error) {
	flags := p.rule(kind) & policyOpen
	if flags == policyAbsent {
		return false, p.refusal(kind, "is there, which it must not be")
	}
	return flags&^policyAbsent != policyUnused, nil
}

// CheckState refuses a kind of partition that is not in a state that the policy allows: "absent", "unused", "unprotected", "encrypted",
// "verity" or "signed".
func (p ImagePolicy) CheckState(kind, state string) error {
	flags := p.rule(kind) & policyOpen
	if i := slices.Index(policyWords, state); i >= 0 && flags&(1<<i) != 0 || state == "encrypted" && flags&policyIntegrity != 0 {
		return nil
	}
	if flags == 0 {
		return p.refusal(kind, fmt.Sprintf("is %s, and can never be what the policy wants", state))
	}
	return p.refusal(kind, fmt.Sprintf("is %s, and must be %s", state, flags))
}

// CheckFlags refuses a partition whose flags in the partition table are not those that the policy wants.
func (p ImagePolicy) CheckFlags(kind string, readOnly, grows bool) error {
	flags := p.rule(kind)
	for _, f := range []struct {
		name    string
		set     bool
		on, off policyFlags
	}{{"read-only", readOnly, policyReadOnlyOn, policyReadOnlyOff}, {"growfs", grows, policyGrowOn, policyGrowOff}} {
		if f.set && flags&(f.on|f.off) == f.off {
			return p.refusal(kind, "has the flag "+f.name+", which must be off")
		}
		if !f.set && flags&(f.on|f.off) == f.on {
			return p.refusal(kind, "lacks the flag "+f.name+", which must be on")
		}
	}
	return nil
}

// CheckType refuses a partition whose file system is none of those that the policy names, if it names any.
func (p ImagePolicy) CheckType(kind, fileSystem string) error {
	types := p.rule(kind) & policyTypes
	if i := slices.Index(policyWords, fileSystem); types == 0 || i >= 0 && types&(1<<i) != 0 {
		return nil
	}
	return p.refusal(kind, fmt.Sprintf("has file system %s, and must have %s", fileSystem, types))
}

func (p ImagePolicy) refusal(kind, why string) error {
	return fmt.Errorf("image policy %q: partition %q %s", p.text, kind, why)
}

// validateImagePolicy checks what the spec says of disk images.
func (s Spec) validateImagePolicy() error {
	if s.ImagePolicy == "" {
		return nil
	}
	_, err := ParseImagePolicy(s.ImagePolicy)
	return err
}
