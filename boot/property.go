// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// UnitProperty is a property of a unit as systemd's bus interface takes it (org.freedesktop.systemd1(5)): a value of the Go type that
// stands for its D-Bus type.
type UnitProperty struct {
	Name  string
	Value any
}

func (p UnitProperty) String() string { return fmt.Sprintf("%s=%v", p.Name, p.Value) }

// DeviceAmount is an entry of the properties of type a(st).
type DeviceAmount struct {
	Device string
	Amount uint64
}

// addressPrefix is an entry of IPAddressAllow= and IPAddressDeny=, of type a(iayu).
type addressPrefix struct {
	Family  int32
	Address []byte
	Bits    uint32
}

// propertyReader turns the text of a line of a unit file into the property that it means.
type propertyReader func(name, text string) (UnitProperty, error)

// propertyKinds are the lines that a scope can be told (systemd.resource-control(5), systemd.scope(5), systemd.kill(5),
// systemd.unit(5)), by how systemctl set-property and nspawn's --property= read them (systemd's src/shared/bus-unit-util.c).
var propertyKinds = []struct {
	read  propertyReader
	names string
}{
	{readBool, "CPUAccounting MemoryAccounting IOAccounting TasksAccounting IPAccounting Delegate SendSIGHUP SendSIGKILL CoredumpReceive MemoryZSwapWriteback"},
	{readWeight, "CPUWeight StartupCPUWeight IOWeight StartupIOWeight"},
	{readMemory, `MemoryMin MemoryLow MemoryHigh MemoryMax MemorySwapMax MemoryZSwapMax DefaultMemoryMin DefaultMemoryLow
		StartupMemoryLow StartupMemoryHigh StartupMemoryMax StartupMemorySwapMax StartupMemoryZSwapMax`},
	{readTasks, "TasksMax"},
	{readQuota, "CPUQuota"},
	{readSet, "AllowedCPUs StartupAllowedCPUs AllowedMemoryNodes StartupAllowedMemoryNodes"},
	{readAmount, "IOReadBandwidthMax IOWriteBandwidthMax IOReadIOPSMax IOWriteIOPSMax IODeviceWeight"},
	{readSpan, "CPUQuotaPeriodSec TimeoutStopSec RuntimeMaxSec RuntimeRandomizedExtraSec"},
	{readDevice, "DeviceAllow"},
	{readSignal, "KillSignal"},
	{readAddresses, "IPAddressAllow IPAddressDeny"},
	{readWord, "DevicePolicy ManagedOOMSwap ManagedOOMMemoryPressure ManagedOOMPreference OOMPolicy KillMode Description Slice CollectMode MemoryPressureWatch"},
	{readWords, "Before After Wants Requires Requisite BindsTo PartOf Upholds Conflicts RequiresMountsFor IPIngressFilterPath IPEgressFilterPath"},
}

// ParseProperty reads a line of a unit file, NAME=VALUE, as the property of a scope.
func ParseProperty(name, text string) (UnitProperty, error) {
	read := readerOf(name)
	if read == nil {
		return UnitProperty{}, fmt.Errorf("unit property %q is not one that a scope has: see systemd.resource-control(5)", name)
	}
	p, err := read(name, text)
	if err != nil {
		return p, fmt.Errorf("unit property %s=%s: %w", name, text, err)
	}
	return p, nil
}

// IsProperty tells whether a scope has a line of that name.
func IsProperty(name string) bool { return readerOf(name) != nil }

func readerOf(name string) propertyReader {
	for _, kind := range propertyKinds {
		if slices.Contains(strings.Fields(kind.names), name) {
			return kind.read
		}
	}
	return nil
}

func readBool(name, text string) (UnitProperty, error) {
	switch strings.ToLower(text) {
	case "1", "yes", "y", "true", "t", "on":
		return UnitProperty{name, true}, nil
	case "0", "no", "n", "false", "f", "off":
		return UnitProperty{name, false}, nil
	}
	return UnitProperty{}, errors.New("it is neither yes nor no")
}

func readWeight(name, text string) (UnitProperty, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if name == "CPUWeight" && text == "idle" {
		return UnitProperty{name, uint64(0)}, nil
	}
	if err != nil || n < 1 || n > 10000 {
		return UnitProperty{}, errors.New("a weight is 1 to 10000")
	}
	return UnitProperty{name, n}, nil
}

// scaled is a share of what the host has, of which systemd takes 2^32-1 as the whole.
func scaled(name string, permyriad uint64) (UnitProperty, error) {
	if permyriad > 10000 {
		return UnitProperty{}, errors.New("it is more than 100%")
	}
	return UnitProperty{name + "Scale", uint32((permyriad*math.MaxUint32 + 9999) / 10000)}, nil
}

func readMemory(name, text string) (UnitProperty, error) {
	if share, ok, err := parsePercent(text); ok {
		if err != nil {
			return UnitProperty{}, err
		}
		return scaled(name, share)
	}
	n, err := parseBytes(text)
	return UnitProperty{name, n}, err
}

func readTasks(name, text string) (UnitProperty, error) {
	p, err := readMemory(name, text)
	if err == nil && p.Value == uint64(0) {
		err = errors.New("at least one task is needed")
	}
	return p, err
}

func readQuota(_, text string) (UnitProperty, error) {
	const name = "CPUQuotaPerSecUSec"
	if text == "" || text == "infinity" {
		return UnitProperty{name, uint64(unlimited)}, nil
	}
	share, ok, err := parsePercent(text)
	if err != nil || !ok || share == 0 {
		return UnitProperty{}, errors.New("it is not a percentage of one processor, such as 150%")
	}
	return UnitProperty{name, share * 100}, nil
}

func readSet(name, text string) (UnitProperty, error) {
	mask, err := parseCPUs(text)
	return UnitProperty{name, mask}, err
}

func readAmount(name, text string) (UnitProperty, error) {
	device, amount, ok := strings.Cut(strings.TrimSpace(text), " ")
	if !ok || !path.IsAbs(device) {
		return UnitProperty{}, errors.New("it is not a path and an amount")
	}
	n, err := parseBytes(strings.TrimSpace(amount))
	return UnitProperty{name, []DeviceAmount{{device, n}}}, err
}

func readSpan(name, text string) (UnitProperty, error) {
	name = strings.TrimSuffix(name, "Sec") + "USec"
	if text == "infinity" {
		return UnitProperty{name, uint64(unlimited)}, nil
	}
	d, err := parseSpan(text)
	return UnitProperty{name, uint64(d.Microseconds())}, err
}

func readDevice(name, text string) (UnitProperty, error) {
	node, access, _ := strings.Cut(strings.TrimSpace(text), " ")
	if access = strings.TrimSpace(access); access == "" {
		access = "rwm"
	}
	if node == "" || strings.Trim(access, "rwm") != "" {
		return UnitProperty{}, errors.New("it is not a node and what may be done with it, of r, w and m")
	}
	return UnitProperty{name, []DeviceRule{{node, access}}}, nil
}

func readSignal(name, text string) (UnitProperty, error) {
	n := unix.SignalNum(text)
	if n == 0 {
		return UnitProperty{}, errors.New("it is not a signal such as SIGTERM")
	}
	return UnitProperty{name, int32(n)}, nil
}

func readAddresses(name, text string) (UnitProperty, error) {
	if text == "any" {
		text = "0.0.0.0/0 ::/0"
	}
	var list []addressPrefix
	for word := range strings.FieldsSeq(text) {
		prefix, err := netip.ParsePrefix(word)
		if addr, err2 := netip.ParseAddr(word); err != nil && err2 == nil {
			prefix, err = addr.Prefix(addr.BitLen())
		}
		if err != nil {
			return UnitProperty{}, fmt.Errorf("%q is no address or network", word)
		}
		family := int32(unix.AF_INET6)
		if prefix.Addr().Is4() {
			family = unix.AF_INET
		}
		list = append(list, addressPrefix{family, prefix.Masked().Addr().AsSlice(), uint32(prefix.Bits())})
	}
	return UnitProperty{name, list}, nil
}

func readWord(name, text string) (UnitProperty, error) {
	if text == "" {
		return UnitProperty{}, errors.New("it is empty")
	}
	return UnitProperty{name, text}, nil
}

func readWords(name, text string) (UnitProperty, error) {
	return UnitProperty{name, strings.Fields(text)}, nil
}
