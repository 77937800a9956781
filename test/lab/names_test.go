// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"strconv"
	"testing"
)

func TestOursAreThisRunsAndThoseOfTheDead(t *testing.T) {
	t.Setenv("LAB_KEEP", "")
	own, other := strconv.Itoa(os.Getpid()), strconv.Itoa(os.Getppid())
	const dead = "4194305" // above the kernel's largest
	for _, c := range []struct {
		name       string
		kept, want bool
	}{
		{"test-lab-sid-ours-" + own, false, true},
		{"test-lab-sid-ours-" + dead, false, true},
		{"test-lab-sid-ours-" + other, false, false},
		{"test-lab-sid-ours", false, false},
		{"test-other-sid-ours-" + own, false, false},
		{"sid", false, false},
		{"test-lab-sid-ours", true, true},
		{"test-lab-sid-ours-" + dead, true, false},
	} {
		if c.kept {
			t.Setenv("LAB_KEEP", "1")
		}
		if got := ours(c.name); got != c.want {
			t.Errorf("%s is ours: %v, want %v (LAB_KEEP: %v)", c.name, got, c.want, c.kept)
		}
	}
}
