// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"path"
	"strings"
	"testing"
)

// A field of os-release is on one line, and its last assignment counts.
func FuzzOSRelease(f *testing.F) {
	f.Add("NAME=\"Debian GNU/Linux\"\n#ID=x\r\nID=debian", "13")
	f.Add(strings.Repeat("x", 70000)+"=1\nVERSION_ID=", "12")
	f.Fuzz(func(t *testing.T, text, version string) {
		for k, v := range parseFields(text) {
			if strings.ContainsAny(k+v, "\n") || strings.HasPrefix(k, "#") || strings.Contains(k, "=") {
				t.Errorf("%q = %q", k, v)
			}
		}
		if strings.ContainsAny(version, "\"'\r\n") {
			return
		}
		if got := parseFields(text + "\nVERSION_ID=\"" + version + "\"\n")["VERSION_ID"]; got != version {
			t.Errorf("version %q is %q", version, got)
		}
	})
}

// A unit that a cgroup leads to is one part of its path, and its own.
func FuzzUnit(f *testing.F) {
	f.Add("/machine.slice/contain@a.service/x")
	f.Add("/_a.service")
	f.Add("a.slice/../b.scope")
	f.Fuzz(func(t *testing.T, group string) {
		unit := unitIn(group)
		if unit == "" {
			return
		}
		if path.Base(unit) != unit || !strings.Contains(group, unit) || unitIn("/a.slice/_"+unit+"/b.service") != unit {
			t.Errorf("%q is in unit %q", group, unit)
		}
	})
}
