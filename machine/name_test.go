// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"strings"
	"testing"
)

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"deb": true, "my-c1": true, "a.b.c": true, "1a": true, "a_b": true, strings.Repeat("x", 64): true,
		"": false, ".host": false, "a..b": false, "a.": false, "-a": false, "a-": false, "a.-b": false, "a b": false,
		"a/b": false, "ä": false, "a\n": false, "unit:x": false, strings.Repeat("x", 65): false, "..": false,
	} {
		if got := ValidName(name); got != want {
			t.Errorf("ValidName(%q) = %v", name, got)
		}
	}
}

func TestScopeName(t *testing.T) {
	for name, want := range map[string]string{
		"deb": "machine-deb.scope", "my-c1": `machine-my\x2dc1.scope`, "a.b_c": "machine-a.b_c.scope",
	} {
		if got := ScopeName(name); got != want {
			t.Errorf("ScopeName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestSplitUnit(t *testing.T) {
	for _, c := range []struct{ group, unit, subgroup string }{
		{"/machine.slice/machine-deb.scope", "machine-deb.scope", ""},
		{"/machine.slice/machine-deb.scope/init.scope", "machine-deb.scope", "init.scope"},
		{"/machine.slice/systemd-nspawn@deb.service/payload", "systemd-nspawn@deb.service", "payload"},
		{"/user.slice/user-0.slice/user@0.service/app.slice/x.service", "user@0.service", "app.slice/x.service"},
		{"/system.slice/_memory.service", "memory.service", ""},
		{"/init.scope", "init.scope", ""},
		{"/machine.slice/../system.slice/a.service", "a.service", ""},
		{"/machine.slice", "", ""}, {"/", "", ""}, {"", "", ""}, {"/lxc/x", "", ""}, {"/.scope", "", ""},
	} {
		unit, subgroup, ok := splitUnit(c.group)
		if !ok {
			unit, subgroup = "", ""
		}
		if unit != c.unit || subgroup != c.subgroup {
			t.Errorf("splitUnit(%q) = %q, %q", c.group, unit, subgroup)
		}
	}
}

func TestParseCgroup(t *testing.T) {
	for text, want := range map[string]string{
		"0::/a.slice/b.scope\n":                             "/a.slice/b.scope",
		"3:name=systemd:/a.slice/b.scope\n1:cpu:/x\n0::/\n": "/a.slice/b.scope",
		"1:name=systemd:/\n0::/machine.slice/m.scope\n":     "/machine.slice/m.scope",
		"": "",
	} {
		if got := parseCgroup(text); got != want {
			t.Errorf("parseCgroup(%q) = %q, want %q", text, got, want)
		}
	}
}
