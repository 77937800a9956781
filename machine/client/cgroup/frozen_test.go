// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"path/filepath"
	"testing"
)

// A machine that froze a cgroup of its own, whatever its name, is not frozen.
func TestFrozen(t *testing.T) {
	root := plant(t, map[string]string{
		"proc/10/cgroup":                                "1:name=systemd:/\n0::/m.slice/m-a.scope/init.scope\n",
		"proc/11/cgroup":                                "0::/m.slice/m-b.scope/x/m-b.scope\n",
		"proc/12/cgroup":                                "0::/\n",
		"g/m.slice/m-a.scope/cgroup.events":             "populated 1\nfrozen 1\n",
		"g/m.slice/m-b.scope/cgroup.events":             "populated 1\nfrozen 0\n",
		"g/m.slice/m-b.scope/x/m-b.scope/cgroup.events": "populated 1\nfrozen 1\n",
	})
	for _, tt := range []struct {
		pid  uint32
		unit string
		want bool
	}{{10, "m-a.scope", true}, {11, "m-b.scope", false}, {12, "m-a.scope", false}, {10, "", false}, {10, "m-c.scope", false}, {13, "m-a.scope", false}} {
		if got := frozen(filepath.Join(root, "g"), filepath.Join(root, "proc"), tt.pid, tt.unit); got != tt.want {
			t.Errorf("process %d, unit %q: %v", tt.pid, tt.unit, got)
		}
	}
}
