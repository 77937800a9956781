// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Frozen tells whether the processes of a unit are stopped (cgroups(7),
// cgroup.freeze), which is found by one of them below a mounted hierarchy.
func Frozen(mount string, pid uint32, unit string) bool { return frozen(mount, "/proc", pid, unit) }

func frozen(mount, proc string, pid uint32, unit string) bool {
	text, err := os.ReadFile(filepath.Join(proc, strconv.FormatUint(uint64(pid), 10), "cgroup"))
	if err != nil || unit == "" {
		return false
	}
	for line := range strings.Lines(string(text)) {
		path, v2 := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::")
		// The unit is the first of its name: what is below, the machine names.
		above, _, found := strings.Cut(path+"/", "/"+unit+"/")
		if !v2 || !found {
			continue
		}
		events, err := os.ReadFile(filepath.Join(mount, above, unit, "cgroup.events"))
		return err == nil && strings.Contains(string(events), "frozen 1")
	}
	return false
}
