// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"machined-go/boot"
)

// usualTasks is how many tasks a machine may have if nothing else is said (systemd's machine-XX.scope).
const usualTasks = 16384

// resources writes the properties of the machine's scope as limits.
func (m *making) resources() error {
	r := m.config.Linux.Resources
	r.Pids = &specs.LinuxPids{Limit: signed(usualTasks)}
	for _, p := range m.plan.Properties {
		if m.property(r, p) {
			continue
		}
		key, why := "resources.properties."+p.Name, "a bundle has nothing for it"
		if u, ok := unwritable[p.Name]; ok {
			key, why = "resources."+u.key, u.why
		}
		m.note(key, why)
	}
	return nil
}

const share = "a share of what the host has, which a bundle does not know"

// unwritable are the properties of settings that cannot always be written.
var unwritable = map[string]struct{ key, why string }{
	"MemoryMaxScale": {"memory", share}, "MemoryHighScale": {"memory_high", share}, "MemoryLowScale": {"memory_low", share},
	"MemorySwapMaxScale": {"swap", share}, "TasksMaxScale": {"tasks", share},
	"MemorySwapMax": {"swap", "a bundle's limit is one on memory and swap together, and needs one on memory"},
}

// property writes one, if there is a field for it. Weights and what else cgroup v1 does not have are written as cgroup v2 has them.
func (m *making) property(r *specs.LinuxResources, p boot.UnitProperty) bool {
	switch v := p.Value.(type) {
	case uint64:
		return number(r, p.Name, v)
	case []byte:
		if r.CPU == nil {
			r.CPU = new(specs.LinuxCPU)
		}
		switch p.Name {
		case "AllowedCPUs":
			r.CPU.Cpus = numbers(v)
			return true
		case "AllowedMemoryNodes":
			r.CPU.Mems = numbers(v)
			return true
		}
	case []boot.DeviceAmount:
		return m.throttle(r, p.Name, v)
	}
	return false
}

func number(r *specs.LinuxResources, name string, v uint64) bool {
	switch name {
	case "TasksMax":
		r.Pids.Limit = signed(v)
	case "MemoryMax", "MemoryLow", "MemorySwapMax":
		if r.Memory == nil {
			r.Memory = new(specs.LinuxMemory)
		}
		return memory(r.Memory, name, v)
	case "CPUQuotaPerSecUSec", "CPUQuotaPeriodUSec", "CPUWeight":
		if r.CPU == nil {
			r.CPU = new(specs.LinuxCPU)
		}
		return processor(r.CPU, name, v)
	case "MemoryHigh":
		unify(r, "memory.high", v)
	case "MemoryMin":
		unify(r, "memory.min", v)
	case "IOWeight":
		unify(r, "io.weight", v)
	default:
		return false
	}
	return true
}

func memory(m *specs.LinuxMemory, name string, v uint64) bool {
	switch name {
	case "MemoryMax":
		m.Limit = signed(v)
	case "MemoryLow":
		m.Reservation = signed(v)
	case "MemorySwapMax": // a bundle's is that of memory and swap together; properties are in this order
		switch {
		case v == math.MaxUint64:
			m.Swap = signed(v)
		case m.Limit == nil || *m.Limit < 0:
			return false
		default:
			m.Swap = signed(uint64(*m.Limit) + v)
		}
	}
	return true
}

func processor(c *specs.LinuxCPU, name string, v uint64) bool {
	const second = 1000000
	switch {
	case name == "CPUWeight" && v == 0:
		c.Idle = signed(1)
	case name == "CPUWeight":
		shares := 2 + ((v-1)*(262144-2)+9998)/9999 // the least of which weight makes v again
		c.Shares = &shares
	case v == math.MaxUint64:
	case name == "CPUQuotaPeriodUSec":
		if c.Quota != nil {
			c.Quota = signed(uint64(*c.Quota) * v / *c.Period)
		}
		c.Period = &v
	default:
		period := uint64(100000)
		c.Period, c.Quota = &period, signed(v*period/second)
	}
	return true
}

// unify sets a file of cgroup v2.
func unify(r *specs.LinuxResources, file string, v uint64) {
	if r.Unified == nil {
		r.Unified = map[string]string{}
	}
	r.Unified[file] = strconv.FormatUint(v, 10)
	if v == math.MaxUint64 {
		r.Unified[file] = "max"
	}
}

// signed is an amount as a bundle has it, with -1 for no limit.
func signed(v uint64) *int64 {
	n := int64(-1)
	if v <= math.MaxInt64 {
		n = int64(v)
	}
	return &n
}

// numbers writes a bit mask as a list of numbers.
func numbers(mask []byte) string {
	var list []string
	for i := range len(mask) * 8 {
		if mask[i/8]&(1<<(i%8)) != 0 {
			list = append(list, strconv.Itoa(i))
		}
	}
	return strings.Join(list, ",")
}

func (m *making) throttle(r *specs.LinuxResources, name string, amounts []boot.DeviceAmount) bool {
	if r.BlockIO == nil {
		r.BlockIO = new(specs.LinuxBlockIO)
	}
	to, ok := map[string]*[]specs.LinuxThrottleDevice{
		"IOReadBandwidthMax": &r.BlockIO.ThrottleReadBpsDevice, "IOWriteBandwidthMax": &r.BlockIO.ThrottleWriteBpsDevice,
		"IOReadIOPSMax": &r.BlockIO.ThrottleReadIOPSDevice, "IOWriteIOPSMax": &r.BlockIO.ThrottleWriteIOPSDevice,
	}[name]
	if !ok {
		return false
	}
	for _, a := range amounts {
		major, minor, err := m.host.Device(a.Device)
		if err != nil {
			m.note(fmt.Sprintf("resources: %s of %s", name, a.Device), err.Error())
			continue
		}
		d := specs.LinuxThrottleDevice{Rate: a.Amount}
		d.Major, d.Minor = int64(major), int64(minor)
		*to = append(*to, d)
	}
	return true
}
