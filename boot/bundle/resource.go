// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// property sets a property of the container's scope, for systemd to write into the cgroup.
func (t *translation) property(name, value string) {
	if t.spec.Resources.UnitProperties == nil {
		t.spec.Resources.UnitProperties = map[string]string{}
	}
	t.spec.Resources.UnitProperties[name] = value
}

const resourcesField = "linux.resources"

// resources has systemd hold the container to its limits.
func (t *translation) resources() error {
	if err := t.cgroupsPath(); err != nil {
		return err
	}
	r := t.config.Linux.Resources
	if r == nil {
		return nil
	}
	if r.Pids != nil && r.Pids.Limit != nil {
		t.spec.Resources.Tasks = limit(*r.Pids.Limit)
	}
	for _, part := range []func(*specs.LinuxResources) error{t.memory, t.cpu, t.blockIO, t.unified} {
		if err := part(r); err != nil {
			return err
		}
	}
	for _, left := range []struct {
		name string
		set  bool
	}{
		{"hugepageLimits", len(r.HugepageLimits) > 0}, {"network", r.Network != nil && (r.Network.ClassID != nil || len(r.Network.Priorities) > 0)},
		{"rdma", len(r.Rdma) > 0},
	} {
		if left.set {
			t.note(resourcesField+"."+left.name, "systemd has nothing for it, ignored")
		}
	}
	if _, err := t.spec.Resources.Properties(); err != nil {
		return refuse(resourcesField, "%w", err)
	}
	return nil
}

// limit writes a limit; a negative one is none, and so is 0, which would be no limit to live with.
func limit(n int64) string {
	if n <= 0 {
		return "infinity"
	}
	return strconv.FormatInt(n, 10)
}

// cgroupsPath takes the slice of systemd's way to write a path, SLICE:PREFIX:NAME. The rest is ours: the container has a scope that
// bears its name.
func (t *translation) cgroupsPath() error {
	const field = "linux.cgroupsPath"
	path := t.config.Linux.CgroupsPath
	if path == "" {
		return nil
	}
	slice, rest, ok := strings.Cut(path, ":")
	if !ok || strings.Count(rest, ":") != 1 {
		t.note(field, "%q: the machine is in a scope of its own instead, below machine.slice", path)
		return nil
	}
	if slice != "" && (!strings.HasSuffix(slice, ".slice") || strings.Contains(slice, "/")) {
		return refuse(field, "%q is not the name of a slice", slice)
	}
	t.spec.Resources.Slice = slice
	return nil
}

func (t *translation) memory(r *specs.LinuxResources) error {
	m := r.Memory
	if m == nil {
		return nil
	}
	const field = resourcesField + ".memory"
	if m.Limit != nil {
		t.spec.Resources.Memory = limit(*m.Limit)
	}
	if m.Reservation != nil && *m.Reservation > 0 {
		t.spec.Resources.MemoryLow = limit(*m.Reservation)
	}
	if m.Swap != nil { // memory and swap together
		switch {
		case *m.Swap <= 0:
			t.spec.Resources.Swap = limit(*m.Swap)
		case m.Limit == nil || *m.Limit <= 0:
			return refuse(field+".swap", "it is a limit on memory and swap together, and needs one on memory, linux.resources.memory.limit")
		case *m.Swap < *m.Limit:
			return refuse(field+".swap", "%d is less than the limit on memory alone, %d", *m.Swap, *m.Limit)
		default:
			t.spec.Resources.Swap = strconv.FormatInt(*m.Swap-*m.Limit, 10)
		}
	}
	for _, old := range []struct {
		name string
		set  bool
	}{
		{"kernel", m.Kernel != nil && *m.Kernel > 0}, {"kernelTCP", m.KernelTCP != nil && *m.KernelTCP > 0},
		{"swappiness", m.Swappiness != nil}, {"disableOOMKiller", m.DisableOOMKiller != nil && *m.DisableOOMKiller},
	} {
		if old.set {
			t.note(field+"."+old.name, "cgroup v2 has nothing for it, ignored")
		}
	}
	return nil
}

func (t *translation) cpu(r *specs.LinuxResources) error {
	c := r.CPU
	if c == nil {
		return nil
	}
	const field = resourcesField + ".cpu"
	if c.Shares != nil && *c.Shares > 0 {
		t.spec.Resources.CPUWeight = weight(*c.Shares, 2, 262144)
	}
	if c.Quota != nil && *c.Quota > 0 {
		period := uint64(100000)
		if c.Period != nil && *c.Period > 0 {
			period = *c.Period
		}
		share := (uint64(*c.Quota)*10000 + period - 1) / period // in hundredths of a percent
		t.spec.Resources.CPU = fmt.Sprintf("%d.%02d%%", share/100, share%100)
	}
	if c.Period != nil && *c.Period > 0 {
		t.property("CPUQuotaPeriodSec", strconv.FormatUint(*c.Period, 10)+"us")
	}
	t.spec.Resources.CPUs = c.Cpus
	if c.Mems != "" {
		t.property("AllowedMemoryNodes", c.Mems)
	}
	if c.Idle != nil && *c.Idle != 0 {
		t.spec.Resources.CPUWeight = 0
		t.property("CPUWeight", "idle")
	}
	for _, left := range []struct {
		name string
		set  bool
	}{
		{"burst", c.Burst != nil && *c.Burst > 0}, {"realtimeRuntime", c.RealtimeRuntime != nil && *c.RealtimeRuntime != 0},
		{"realtimePeriod", c.RealtimePeriod != nil && *c.RealtimePeriod != 0},
	} {
		if left.set {
			t.note(field+"."+left.name, "systemd has nothing for it, ignored")
		}
	}
	return nil
}

// weight turns a share within first and last of cgroup v1 into a weight of 1 to 10000, as other runtimes do.
func weight(share, first, last uint64) uint64 {
	share = min(max(share, first), last)
	return 1 + (share-first)*9999/(last-first)
}

func (t *translation) blockIO(r *specs.LinuxResources) error {
	b := r.BlockIO
	if b == nil {
		return nil
	}
	const field = resourcesField + ".blockIO"
	if b.Weight != nil && *b.Weight > 0 {
		t.spec.Resources.IOWeight = weight(uint64(*b.Weight), 10, 1000)
	}
	if b.LeafWeight != nil {
		t.note(field+".leafWeight", "cgroup v2 has nothing for it, ignored")
	}
	if len(b.WeightDevice) > 1 {
		t.note(field+".weightDevice", "only the first is taken")
	}
	for _, w := range b.WeightDevice[:min(1, len(b.WeightDevice))] {
		if w.Weight != nil {
			t.property("IODeviceWeight", fmt.Sprintf("/dev/block/%d:%d %d", w.Major, w.Minor, weight(uint64(*w.Weight), 10, 1000)))
		}
	}
	for _, throttle := range []struct {
		devices []specs.LinuxThrottleDevice
		to      *map[string]string
	}{
		{b.ThrottleReadBpsDevice, &t.spec.Resources.IORead}, {b.ThrottleWriteBpsDevice, &t.spec.Resources.IOWrite},
		{b.ThrottleReadIOPSDevice, &t.spec.Resources.IOReadOps}, {b.ThrottleWriteIOPSDevice, &t.spec.Resources.IOWriteOps},
	} {
		for _, d := range throttle.devices {
			if *throttle.to == nil {
				*throttle.to = map[string]string{}
			}
			(*throttle.to)[fmt.Sprintf("/dev/block/%d:%d", d.Major, d.Minor)] = strconv.FormatUint(d.Rate, 10)
		}
	}
	return nil
}

// unifiedProperties are the files of cgroup v2 that are properties of systemd under another name, with the same values.
var unifiedProperties = map[string]string{
	"memory.max": "MemoryMax", "memory.high": "MemoryHigh", "memory.low": "MemoryLow", "memory.min": "MemoryMin",
	"memory.swap.max": "MemorySwapMax", "memory.zswap.max": "MemoryZSwapMax", "pids.max": "TasksMax", "cpu.weight": "CPUWeight",
	"io.weight": "IOWeight", "cpuset.cpus": "AllowedCPUs", "cpuset.mems": "AllowedMemoryNodes",
}

func (t *translation) unified(r *specs.LinuxResources) error {
	for _, name := range sortedKeys(r.Unified) {
		property, ok := unifiedProperties[name]
		if !ok {
			t.note(resourcesField+".unified."+name, "systemd has nothing for it, ignored")
			continue
		}
		value := strings.TrimPrefix(strings.TrimSpace(r.Unified[name]), "default ")
		if value == "max" {
			value = "infinity"
		}
		t.property(property, value)
	}
	return nil
}
