// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"machined-go/machine/client/cgroup"
)

func TestTreeDrawsWhatHasProcesses(t *testing.T) {
	group := &cgroup.Group{
		Name:      "machine-web.scope",
		Processes: []cgroup.Process{{PID: 1, Command: "first"}},
		Groups: []*cgroup.Group{
			{Name: "empty"},
			{Name: "init.scope", Processes: []cgroup.Process{{PID: 2, Command: "/sbin/init"}}},
			{Name: "system.slice", Groups: []*cgroup.Group{
				{Name: "a.service", Processes: []cgroup.Process{{PID: 3, Command: "a"}, {PID: 4, Command: "b"}}},
			}},
		},
	}
	want := []string{
		"├─1 first", "├─init.scope", "│ └─2 /sbin/init", "└─system.slice", "  └─a.service", "    ├─3 a", "    └─4 b",
	}
	if diff := cmp.Diff(want, tree(group, 10)); diff != "" {
		t.Error(diff)
	}
	want = []string{"├─1 first", "├─init.scope", "… 4 processes in all"}
	if diff := cmp.Diff(want, tree(group, 3)); diff != "" {
		t.Error(diff)
	}
}

func TestSizeAndCut(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0B", 1023: "1023B", 1536: "1.5K", 12582912: "12.0M", 5 << 40: "5.0T"} {
		if got := size(bytes); got != want {
			t.Errorf("%d: got %q, want %q", bytes, got, want)
		}
	}
	if got := cut("äöüß", 3); got != "äö…" {
		t.Errorf("got %q", got)
	}
}
