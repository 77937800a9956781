// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"path"
	"strconv"
	"strings"
	"testing"
)

// A unit that is found is a name that may go into a path and onto the bus, and
// what is below it stays below it.
func FuzzCgroup(f *testing.F) {
	for _, seed := range []string{
		"0::/machine.slice/machine-a.scope/payload\n", "1:name=systemd:/user.slice/user-0.slice/session-1.scope\n0::/\n",
		"0::/../../a.service", "0::/_a.service//x/../y", "12:cpu,cpuacct:/\n1:name=systemd:/\n0::/init.scope\n", "0::/a.slice/\xff.service\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		group := parseCgroup(text)
		if strings.Contains(group, "\n") || !strings.Contains(text, ":"+group) && group != "" {
			t.Errorf("%q is no line's path", group)
		}
		unit, subgroup, ok := splitUnit(group)
		if !ok {
			return
		}
		if !isUnitName(unit) || strings.ContainsAny(unit, "/\n\x00 ") {
			t.Errorf("unit %q", unit)
		}
		if subgroup != "" && path.Clean("/"+subgroup) != "/"+subgroup {
			t.Errorf("cgroup %q is not below unit %q", subgroup, unit)
		}
		if again, sub, ok := splitUnit("a.slice/_" + unit + "/" + subgroup); !ok || again != unit || sub != subgroup {
			t.Errorf("%q, %q became %q, %q, %v", unit, subgroup, again, sub, ok)
		}
	})
}

// A command's name in /proc/PID/stat is whatever the process likes: it must not
// pass for the fields behind it.
func FuzzStat(f *testing.F) {
	f.Add("bash", "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19", uint64(4711))
	f.Add(") S 7 (", "S", uint64(0))
	f.Fuzz(func(t *testing.T, comm, rest string, start uint64) {
		if strings.Contains(rest, ")") {
			return // the kernel writes only numbers and a letter there
		}
		line := []byte("17 (" + comm + ") " + rest + " " + strconv.FormatUint(start, 10))
		last := 3 + len(bytes.Fields([]byte(rest)))
		if got := statField(line, last); got != strconv.FormatUint(start, 10) {
			t.Errorf("field %d of %q is %q", last, line, got)
		}
		if got := statField(line, last+1); got != "" {
			t.Errorf("field %d of %q is %q", last+1, line, got)
		}
		for n, want := range bytes.Fields([]byte(rest)) {
			if got := statField(line, 3+n); got != string(want) {
				t.Errorf("field %d of %q is %q", 3+n, line, got)
			}
		}
	})
}

// What a field of /proc/PID/status or fdinfo holds is on its own line.
func FuzzFdinfo(f *testing.F) {
	f.Add("pos:\t0\nPid:\t7\nNSpid:\t7\t1\n", "Pid:")
	f.Add("Pid:", "Pid:")
	f.Fuzz(func(t *testing.T, text, field string) {
		value, ok := fdField([]byte(text), field)
		if !ok {
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, field) {
					t.Errorf("%q is not found in %q", field, text)
				}
			}
			return
		}
		if !strings.Contains("\n"+text, "\n"+field) || !strings.Contains(text, string(value)) {
			t.Errorf("%q is not in %q", value, text)
		}
		if !strings.Contains(field, "\n") && bytes.Contains(value, []byte("\n")) {
			t.Errorf("%q is more than a line", value)
		}
	})
}

// A machine's name is one part of a path, and its scope's name holds nothing
// but what units may, and leads back to the name.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"deb", ".host", "a.b-c_d", "a..b", "-a", "a/b", "\xff", strings.Repeat("a", 65), "a--b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		scope := strings.TrimSuffix(strings.TrimPrefix(ScopeName(name), "machine-"), ".scope")
		if !isUnitName("x" + scope[:min(len(scope), 64)] + ".scope") {
			t.Errorf("scope %q of %q is no unit's name", scope, name)
		}
		if !ValidName(name) {
			return
		}
		if len(name) > maxName || path.Base(path.Clean("/"+name)) != name || name[0] == '.' || strings.ContainsAny(name, "\n:= \\\"$") {
			t.Errorf("name %q is valid", name)
		}
		if got := strings.ReplaceAll(scope, `\x2d`, "-"); got != name {
			t.Errorf("scope %q leads to %q, not %q", scope, got, name)
		}
	})
}
