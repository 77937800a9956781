// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"slices"
	"strings"
	"testing"

	"machined-go/boot/userns"
)

// Proc and sysfs are there once more, before /run/host is sealed, only if that is asked for.
func TestPlanOfNesting(t *testing.T) {
	whole := []string{
		"make directory /run/host/nesting (0700)", "mount proc on /run/host/nesting/proc", "mount sysfs on /run/host/nesting/sys", "make /run/host read-only",
	}
	for _, nesting := range []bool{true, false} {
		spec := Spec{Name: "web", Root: "/srv/web", Security: Security{Nesting: nesting}}
		plan, err := NewPlan(spec, facts())
		if err != nil {
			t.Fatal(err)
		}
		lines, at := strings.Split(plan.String(), "\n"), 0
		for _, want := range whole {
			i := slices.Index(lines, want)
			if nesting && i < at || !nesting && i >= 0 && want != whole[3] {
				t.Errorf("nesting %v: %q is line %d, after line %d", nesting, want, i, at)
			}
			at = i
		}
	}
}

func TestDelegates(t *testing.T) {
	usual := nestedRanges
	if userns.Within() {
		usual = 0
	}
	for _, test := range []struct {
		spec Spec
		want int
	}{
		{Spec{}, 0},
		{Spec{Security: Security{Nesting: true}}, usual},
		{Spec{Security: Security{Nesting: true}, Users: Users{Delegate: 7}}, 7},
		{Spec{Security: Security{Nesting: true}, Users: Users{Namespace: "identity"}}, 0},
		{Spec{Security: Security{Nesting: true}, Users: Users{Namespace: "no"}}, 0},
	} {
		if got := test.spec.delegates(); got != test.want {
			t.Errorf("%+v: %d ranges, want %d", test.spec, got, test.want)
		}
	}
}

// Without users of its own a machine that runs containers may call more than another, with them not.
func TestFilterOfNesting(t *testing.T) {
	size := func(users string, nesting bool) int {
		plan, err := NewPlan(Spec{Name: "web", Root: "/srv/web", Users: Users{Namespace: users}, Security: Security{Nesting: nesting}}, facts())
		if err != nil {
			t.Fatal(err)
		}
		return len(plan.Filter)
	}
	if size("", true) != size("", false) {
		t.Error("another filter with users of its own")
	}
	if size("no", true) == size("no", false) {
		t.Error("the same filter without users of its own")
	}
}
