// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ProcLimits are limits on the machine's processes, which they hand down (getrlimit(2), --rlimit= of systemd-nspawn(1)).
type ProcLimits struct {
	// Resource limits by name, such as nofile: a number, "infinity", or "SOFT:HARD".
	Rlimit map[string]string `toml:"rlimit"`
	// How likely the kernel ends the machine's processes when memory runs out, from -1000 (never) to 1000.
	OOMScoreAdjust *int `toml:"oom_score_adjust"`
	// The processors that the machine's processes may use, such as "0-3,7"; by default all.
	CPUAffinity string `toml:"cpu_affinity"`
}

// Resources are what the machine as a whole may use, held by its unit (systemd.resource-control(5)).
type Resources struct {
	// Processor time, such as "150%" for one and a half processors.
	CPU string `toml:"cpu"`
	// Share of processor time under contention, 1 to 10000; 100 is usual.
	CPUWeight uint64 `toml:"cpu_weight"`
	// The processors that the machine as a whole may use, such as "0-3"; by default all.
	CPUs string `toml:"cpus"`
	// Memory, such as "2G" or "25%", that the machine cannot exceed.
	Memory string `toml:"memory"`
	// Memory beyond which the machine is slowed down.
	MemoryHigh string `toml:"memory_high"`
	// Memory that is taken from the machine last.
	MemoryLow string `toml:"memory_low"`
	// Swap that the machine cannot exceed.
	Swap string `toml:"swap"`
	// How many processes and threads there may be; by default 16384.
	Tasks string `toml:"tasks"`
	// Share of disk time under contention, 1 to 10000; 100 is usual.
	IOWeight uint64 `toml:"io_weight"`
	// Bytes a second that may be read, by device or path: { "/dev/vda" = "10M" }.
	IORead map[string]string `toml:"io_read"`
	// Bytes a second that may be written.
	IOWrite map[string]string `toml:"io_write"`
	// Read operations a second.
	IOReadOps map[string]string `toml:"io_read_ops"`
	// Write operations a second.
	IOWriteOps map[string]string `toml:"io_write_ops"`
	// Space that the machine's tree may take, such as "10G", on a file system with quotas: btrfs, where the tree is a subvolume and quotas
	// are on (btrfs-quota(8)), or ext4 and xfs that are mounted with prjquota, where links that the tree had before are not counted and
	// cannot be renamed. The limit stays with the tree until it is set to nothing, also for a machine that does not run.
	Disk string `toml:"disk"`
	// The slice that the machine is in; by default machine.slice.
	Slice string `toml:"slice"`
	// Further properties of the machine's scope, as in a unit file (systemd.resource-control(5), systemd.scope(5)).
	UnitProperties map[string]string `toml:"properties"`
}

func (r Resources) validate() error {
	if _, err := r.DiskLimit(); err != nil {
		return err
	}
	if r.Slice != "" && (!strings.HasSuffix(r.Slice, ".slice") || strings.Contains(r.Slice, "/")) {
		return fmt.Errorf("setting resources.slice: %q is not the name of a slice, such as machine.slice", r.Slice)
	}
	_, err := r.Properties()
	return err
}

// DiskLimit is the setting Disk in bytes, all bits set for no limit.
func (r Resources) DiskLimit() (uint64, error) {
	if r.Disk == "" {
		return unlimited, nil
	}
	bytes, err := parseBytes(r.Disk)
	if err == nil && bytes == 0 {
		err = errors.New("a tree of no bytes is none")
	}
	if err != nil {
		return 0, fmt.Errorf("setting resources.disk: %w", err)
	}
	return bytes, nil
}

// decideResources turns the limits into properties of the scope.
func (p *Plan) decideResources(Facts) (err error) {
	p.Properties, err = p.Spec.Resources.Properties()
	return err
}

// settingLines are the lines of a unit file that settings stand for, by the settings' names.
var settingLines = map[string]string{
	"cpu": "CPUQuota", "cpu_weight": "CPUWeight", "cpus": "AllowedCPUs",
	"memory": "MemoryMax", "memory_high": "MemoryHigh", "memory_low": "MemoryLow", "swap": "MemorySwapMax", "tasks": "TasksMax",
	"io_weight": "IOWeight", "io_read": "IOReadBandwidthMax", "io_write": "IOWriteBandwidthMax", "io_read_ops": "IOReadIOPSMax",
	"io_write_ops": "IOWriteIOPSMax",
}

// texts are the settings that have one value.
func (r Resources) texts() []struct{ key, text string } {
	number := func(n uint64) string {
		if n == 0 {
			return ""
		}
		return strconv.FormatUint(n, 10)
	}
	return []struct{ key, text string }{
		{"cpu", r.CPU}, {"cpu_weight", number(r.CPUWeight)}, {"cpus", r.CPUs}, {"memory", r.Memory}, {"memory_high", r.MemoryHigh},
		{"memory_low", r.MemoryLow}, {"swap", r.Swap}, {"tasks", r.Tasks}, {"io_weight", number(r.IOWeight)},
	}
}

// resource is a setting as a property of the machine's scope.
type resource struct {
	key, line string // the setting, and the line of a unit file that it stands for
	UnitProperty
}

// Properties gives the limits as properties of the machine's scope, in the order of the settings. A property that is set by its
// name counts more than a setting that means the same.
func (r Resources) Properties() ([]UnitProperty, error) {
	entries, err := r.entries()
	var list []UnitProperty
	for _, e := range entries {
		list = append(list, e.UnitProperty)
	}
	return list, err
}

func (r Resources) entries() ([]resource, error) {
	var list []resource
	for _, s := range r.texts() {
		if s.text == "" {
			continue
		}
		p, err := ParseProperty(settingLines[s.key], s.text)
		if err != nil {
			return nil, fmt.Errorf("setting resources.%s: %w", s.key, errors.Unwrap(err))
		}
		list = append(list, resource{s.key, settingLines[s.key], p})
	}
	for _, io := range []struct {
		key     string
		amounts map[string]string
	}{{"io_read", r.IORead}, {"io_write", r.IOWrite}, {"io_read_ops", r.IOReadOps}, {"io_write_ops", r.IOWriteOps}} {
		p, err := readAmounts(settingLines[io.key], io.amounts)
		if err != nil {
			return nil, fmt.Errorf("setting resources.%s: %w", io.key, err)
		}
		if len(io.amounts) > 0 {
			list = append(list, resource{io.key, settingLines[io.key], p})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.UnitProperties)) {
		p, err := ParseProperty(name, r.UnitProperties[name])
		if err != nil {
			return nil, fmt.Errorf("setting resources.properties: %w", err)
		}
		list = append(list, resource{"properties", name, p})
	}
	return list, nil
}

func readAmounts(property string, amounts map[string]string) (UnitProperty, error) {
	var list []DeviceAmount
	for _, device := range slices.Sorted(maps.Keys(amounts)) {
		p, err := readAmount(property, device+" "+amounts[device])
		if err != nil {
			return p, fmt.Errorf("%q = %q: %w", device, amounts[device], err)
		}
		list = append(list, p.Value.([]DeviceAmount)...)
	}
	return UnitProperty{property, list}, nil
}
