// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What systemd is told when settings of a running machine change, and that it is told nothing of others.
func TestSet(t *testing.T) {
	for line, want := range map[string]string{
		"set web memory=2G tasks=7":                 "MemoryMax=@t 2147483648, TasksMax=@t 7",
		"set web cpu= cpus=0":                       "AllowedCPUs=@ay [0x1], CPUQuotaPerSecUSec=@t 18446744073709551615",
		"set web io_read=/dev/vda=1M":               `IOReadBandwidthMax=@a(st) [], IOReadBandwidthMax=@a(st) [("/dev/vda", 1048576,)]`,
		"set web MemoryMax=25%":                     "MemoryMax=@t 1073741824, MemoryMaxScale=@u 1073741824",
		"set web hostname=www slice=web.slice":      "",
		"set cache memory=2G":                       "", // does not run
		"config set web resources.cpu_weight 20":    "CPUWeight=@t 20",
		"config unset web resources.tasks":          "TasksMax=@t 16384",
		"config set --runtime web resources.cpu 1%": "CPUQuotaPerSecUSec=@t 10000",
	} {
		t.Run(strings.NewReplacer("%", "", "=", "_").Replace(line), func(t *testing.T) {
			h := newHost(t)
			if _, errout, status := h.mctl(t, strings.Fields(line)...); status != 0 {
				t.Fatal(errout)
			}
			var told []string
			for _, text := range h.told {
				unit, property, _ := strings.Cut(text, ": ")
				if unit != "machine-web.scope" {
					t.Errorf("unit %s was told %s", unit, property)
				}
				told = append(told, property)
			}
			if diff := cmp.Diff(want, strings.Join(told, ", ")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
