// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"cmp"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
)

// Changes are what becomes of settings of resources in a machine that runs.
type Changes struct {
	// Properties bring the machine's scope to what the settings say, in this order.
	Properties []UnitProperty
	// Later are the settings, without their section's name, that only a start can change.
	Later []string
}

// liveProperties are the lines that systemd changes in a running scope (SetUnitProperties of org.freedesktop.systemd1(5)), each with what a
// scope has that is told nothing of it.
var liveProperties = []struct {
	names   string
	unset   func(name string, host Processors) UnitProperty
	growing bool // a value is added to those that are there, so they are taken away first
}{
	{names: "CPUWeight StartupCPUWeight IOWeight StartupIOWeight CPUQuota CPUQuotaPeriodSec", unset: unsetNumber(math.MaxUint64)},
	{names: "MemoryHigh MemoryMax MemorySwapMax MemoryZSwapMax StartupMemoryHigh StartupMemoryMax StartupMemorySwapMax StartupMemoryZSwapMax",
		unset: unsetNumber(math.MaxUint64)},
	{names: "MemoryMin MemoryLow DefaultMemoryMin DefaultMemoryLow StartupMemoryLow", unset: unsetNumber(0)},
	{names: "TasksMax", unset: unsetNumber(usualTasks)},
	// That it may use none in particular the kernel takes of no cgroup with processes, so it may use all (ENOSPC, kernel/cgroup/cpuset.c).
	{names: "AllowedCPUs StartupAllowedCPUs", unset: func(name string, host Processors) UnitProperty { return UnitProperty{name, host.CPUs} }},
	{names: "AllowedMemoryNodes StartupAllowedMemoryNodes",
		unset: func(name string, host Processors) UnitProperty { return UnitProperty{name, host.Nodes} }},
	{names: "IOReadBandwidthMax IOWriteBandwidthMax IOReadIOPSMax IOWriteIOPSMax IODeviceWeight", growing: true,
		unset: func(name string, _ Processors) UnitProperty { return UnitProperty{name, []DeviceAmount{}} }},
	{names: "IPAddressAllow IPAddressDeny", growing: true,
		unset: func(name string, _ Processors) UnitProperty { return UnitProperty{name, []addressPrefix{}} }},
	{names: "DeviceAllow"}, // the others are the machine's own devices
}

// usualTasks is the TasksMax= of machines that nobody has given another (systemd-nspawn@.service).
const usualTasks = 16384

// Processors are bit masks of what a host has, the lowest bit first.
type Processors struct{ CPUs, Nodes []byte }

// HostProcessors reads them (Linux' Documentation/ABI/stable/sysfs-devices-system-cpu).
func HostProcessors() Processors {
	read := func(path string) []byte {
		mask := []byte{1} // what is there in any case
		if text, err := os.ReadFile(path); err == nil {
			if all, err := parseCPUs(strings.TrimSpace(string(text))); err == nil {
				mask = all
			}
		}
		return mask
	}
	return Processors{CPUs: read("/sys/devices/system/cpu/possible"), Nodes: read("/sys/devices/system/node/possible")}
}

func unsetNumber(n uint64) func(string, Processors) UnitProperty {
	return func(line string, _ Processors) UnitProperty {
		name := map[string]string{"CPUQuota": "CPUQuotaPerSecUSec", "CPUQuotaPeriodSec": "CPUQuotaPeriodUSec"}[line]
		if name == "" {
			name = line
		}
		return UnitProperty{name, n}
	}
}

// Live tells how a machine that runs is brought to what r says, where before holds what was said until now. Each key is the path of a
// setting that changed below resources, or empty for all of them.
func (r Resources) Live(before Resources, keys [][]string, host Processors) (c Changes, err error) {
	now, err := r.entries()
	if err != nil {
		return c, err
	}
	then, _ := before.entries() // what was wrong has no effect
	for _, line := range changedLines(append(then, now...), keys) {
		switch props := bring(line, now, host); {
		case line == "disk": // is the tree's, whether the machine runs or not
		case line == "slice" && r.Slice == before.Slice:
		case props != nil:
			c.Properties = append(c.Properties, props...)
		default:
			c.Later = append(c.Later, settingOf(line))
		}
	}
	return c, nil
}

// changedLines gives the lines of a unit file that keys are about, and the names of those that stand for none, in order. Of tables they are
// about what is and was in them.
func changedLines(all []resource, keys [][]string) []string {
	lines := map[string]bool{}
	for _, key := range keys {
		switch {
		case len(key) == 0:
			lines["slice"] = true
			for _, e := range all {
				lines[e.line] = true
			}
		case key[0] == "properties" && len(key) == 1:
			for _, e := range all {
				lines[e.line] = lines[e.line] || e.key == "properties"
			}
		case key[0] == "properties":
			lines[key[1]] = true
		default:
			lines[cmp.Or(settingLines[key[0]], key[0])] = true
		}
	}
	maps.DeleteFunc(lines, func(_ string, changed bool) bool { return !changed })
	return slices.Sorted(maps.Keys(lines))
}

// settingOf is how a setting is called that stands for a line which cannot change live.
func settingOf(line string) string {
	if line == "slice" {
		return line
	}
	return "properties." + line
}

// bring gives what brings a line of the scope to what is set of it; nil if that cannot be done while it runs.
func bring(line string, set []resource, host Processors) (props []UnitProperty) {
	for _, kind := range liveProperties {
		if !slices.Contains(strings.Fields(kind.names), line) {
			continue
		}
		for _, e := range set {
			if e.line == line {
				props = append(props, e.UnitProperty)
			}
		}
		if kind.unset != nil && (kind.growing || len(props) == 0) {
			props = append([]UnitProperty{kind.unset(line, host)}, props...)
		}
		return props
	}
	return nil
}
