// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"slices"
	"strings"
	"testing"
)

// use says what a policy has done with a kind of partition that is there.
func (p ImagePolicy) use(kind string) string {
	switch used, err := p.Use(kind); {
	case err != nil:
		return "refused"
	case !used:
		return "unused"
	}
	return "used"
}

// What systemd-analyze image-policy of systemd 262 says of these.
func TestImagePolicyUses(t *testing.T) {
	for _, tt := range []struct{ policy, used, unused, refused string }{
		{"*", "root usr home srv esp xbootldr swap root-verity usr-verity root-verity-sig usr-verity-sig tmp var", "", ""},
		{"-", "", "root usr home swap root-verity root-verity-sig var", ""},
		{"~", "", "", "root usr home swap root-verity root-verity-sig var"},
		{"root=verity+signed+unprotected+absent:swap=absent:=ignore", "root root-verity root-verity-sig", "usr home usr-verity", "swap"},
		{"root=verity", "root root-verity", "root-verity-sig usr-verity home", ""},
		{"root=signed", "root root-verity root-verity-sig", "usr-verity-sig", ""},
		{"root=unprotected", "root", "root-verity root-verity-sig", ""},
		{"root=signed:root-verity=absent", "root root-verity-sig", "", "root-verity"},
		{"=", "root home swap", "", ""},
		{"=-", "root home swap", "", ""},
		{"home=", "home", "root", ""},
		{"root = unprotected + absent : = absent", "root", "", "usr home"},
		{"root=unused", "", "root usr", ""},
		{"root=read-only-on", "root root-verity", "usr", ""},
	} {
		p, err := ParseImagePolicy(tt.policy)
		if err != nil {
			t.Error(err)
			continue
		}
		for want, kinds := range map[string]string{"used": tt.used, "unused": tt.unused, "refused": tt.refused} {
			for kind := range strings.FieldsSeq(kinds) {
				if got := p.use(kind); got != want {
					t.Errorf("%s: a partition %s is %s, want %s", tt.policy, kind, got, want)
				}
			}
		}
	}
}

func TestImagePolicyAllows(t *testing.T) {
	for _, tt := range []struct{ policy, kind, allowed string }{
		{"*", "root", "absent unused unprotected encrypted verity signed"},
		{"*", "home", "absent unused unprotected encrypted"},
		{"*", "root-verity", "absent unused unprotected"},
		{"-", "root", "absent unused"},
		{"~", "root", "absent"},
		{"root=encryptedwithintegrity", "root", "encrypted"},
		{"root=verity+signed", "root", "verity signed"},
		{"root=verity", "root-verity", "unprotected"},
		{"root=verity+absent", "root-verity", "unprotected absent"},
		{"root=verity", "root-verity-sig", "absent unused"},
		{"root=unprotected", "usr", "absent unused"},
		{"home=verity", "home", ""},
	} {
		p, err := ParseImagePolicy(tt.policy)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, state := range []string{"absent", "unused", "unprotected", "encrypted", "verity", "signed"} {
			want := slices.Contains(strings.Fields(tt.allowed), state)
			err := p.CheckState(tt.kind, state)
			if (err == nil) != want {
				t.Errorf("%s: %s %s: %v", tt.policy, tt.kind, state, err)
			}
			if err != nil && (!strings.Contains(err.Error(), `"`+tt.kind+`" is `+state) || !strings.Contains(err.Error(), tt.policy)) {
				t.Errorf("refusal %v", err)
			}
		}
	}
}

func TestImagePolicyOfFlagsAndTypes(t *testing.T) {
	for _, tt := range []struct {
		policy       string
		ro, grows    bool
		flags, types string // what is said of the flags, and of an ext4
	}{
		{"*", true, true, "", ""},
		{"=read-only-on", true, false, "", ""},
		{"=read-only-on", false, false, `lacks the flag read-only, which must be on`, ""},
		{"root=read-only-off", true, false, `has the flag read-only, which must be off`, ""},
		{"root=read-only-off+read-only-on", true, true, "", ""},
		{"root=growfs-on", true, false, "lacks the flag growfs", ""},
		{"root=growfs-off+ext4+xfs", true, true, "has the flag growfs", ""},
		{"root=xfs+squashfs", false, false, "", "has file system ext4, and must have squashfs+xfs"},
	} {
		p, err := ParseImagePolicy(tt.policy)
		if err != nil {
			t.Error(err)
			continue
		}
		for want, err := range map[string]error{tt.flags: p.CheckFlags("root", tt.ro, tt.grows), tt.types: p.CheckType("root", "ext4")} {
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", tt.policy, err, want)
			}
		}
	}
}

func TestImagePolicyRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "PARTITION=FLAG",
		"root":                       "PARTITION=FLAG",
		"root=open:":                 "PARTITION=FLAG",
		"root=open::home=open":       "PARTITION=FLAG",
		"boot=open":                  `no partition is called "boot"`,
		"root=secure":                `no flag is called "secure"`,
		"root=open++absent":          `no flag is called ""`,
		"root=a=b":                   `no flag is called "a=b"`,
		"root=open:root=absent":      `two rules for partition "root"`,
		"=open:=absent":              `two rules for partition ""`,
		strings.Repeat("x", 5000):    "longer than",
		"root=open:home=open\n=open": "no flag",
		"ROOT=open":                  `no partition is called "ROOT"`,
		"root=open+*":                `no flag is called "*"`,
	} {
		_, err := ParseImagePolicy(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: %v, want one line with %q", text, err, want)
		}
		if err := (Spec{Name: "web", Root: "/tree", ImagePolicy: text}).Validate(); text != "" && err == nil {
			t.Errorf("%.40q makes a valid spec", text)
		}
	}
}

// Whatever a policy says, each partition has one outcome, a refusal is one line, and what is refused is not used.
func FuzzImagePolicy(f *testing.F) {
	for _, seed := range []string{"*", "-", "~", "=", "root=verity+signed+unprotected+absent:swap=absent:=ignore", "usr=verity+read-only-on:root=encrypted",
		"root-verity=open:=btrfs+growfs-off", "root=a", "::", "root=open:root="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseImagePolicy(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Errorf("refusal %q", err)
			}
			return
		}
		for _, kind := range designators {
			use := p.use(kind)
			there, absent := p.CheckState(kind, "unprotected"), p.CheckState(kind, "absent")
			if use == "refused" && (there == nil || absent != nil) || use == "unused" && there == nil {
				t.Errorf("%q: %s is %s, but %v, %v", text, kind, use, there, absent)
			}
			on, off := p.CheckFlags(kind, true, true), p.CheckFlags(kind, false, false)
			if on != nil && off != nil && !strings.Contains(text, "read-only-") {
				t.Errorf("%q: %s can have no flags: %v, %v", text, kind, on, off)
			}
		}
	})
}
