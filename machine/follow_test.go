// SPDX-License-Identifier: Apache-2.0

package machine

import "testing"

func TestGone(t *testing.T) {
	for _, c := range []struct {
		name  string
		facts facts
		want  bool
	}{
		{"the host", facts{class: ClassHost}, false},
		{"leader lives", facts{leaderAlive: true}, false},
		{"leader lives in a unit that went away", facts{leaderAlive: true, unitActive: false}, false},
		{"dead leader, inactive unit", facts{}, true},
		{"dead leader, active unit", facts{unitActive: true}, false},
		{"dead leader, unit about to start", facts{opening: true}, false},
		{"dead leader, part of an active unit", facts{subgroup: true, unitActive: true}, true},
		{"dead leader, its part has processes", facts{subgroup: true, unitActive: true, populated: true}, false},
	} {
		if got := c.facts.gone(); got != c.want {
			t.Errorf("%s: gone = %v", c.name, got)
		}
	}
}
