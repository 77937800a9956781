// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseProperty(t *testing.T) {
	for line, want := range map[string]UnitProperty{
		"CPUQuota=150%":                   {"CPUQuotaPerSecUSec", uint64(1_500_000)},
		"CPUWeight=idle":                  {"CPUWeight", uint64(0)},
		"MemoryMax=2G":                    {"MemoryMax", uint64(2 << 30)},
		"MemoryMax=infinity":              {"MemoryMax", uint64(math.MaxUint64)},
		"MemoryHigh=25%":                  {"MemoryHighScale", uint32(1 << 30)},
		"TasksMax=100%":                   {"TasksMaxScale", uint32(math.MaxUint32)},
		"AllowedCPUs=0-1":                 {"AllowedCPUs", []byte{3}},
		"IOReadBandwidthMax=/dev/vda 10M": {"IOReadBandwidthMax", []DeviceAmount{{"/dev/vda", 10 << 20}}},
		"TimeoutStopSec=1min":             {"TimeoutStopUSec", uint64(60_000_000)},
		"DeviceAllow=/dev/fuse":           {"DeviceAllow", []DeviceRule{{"/dev/fuse", "rwm"}}},
		"DeviceAllow=char-pts rw":         {"DeviceAllow", []DeviceRule{{"char-pts", "rw"}}},
		"KillSignal=SIGTERM":              {"KillSignal", int32(15)},
		"IPAddressDeny=10.1.2.3/8 ::1":    {"IPAddressDeny", []addressPrefix{{2, []byte{10, 0, 0, 0}, 8}, {10, append(make([]byte, 15), 1), 128}}},
		"Delegate=yes":                    {"Delegate", true},
		"After=a.service b.service":       {"After", []string{"a.service", "b.service"}},
	} {
		name, text, _ := strings.Cut(line, "=")
		got, err := ParseProperty(name, text)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}

func TestParsePropertyRefuses(t *testing.T) {
	for _, line := range []string{
		"CPUQuota=150", "CPUQuota=0%", "CPUWeight=0", "CPUWeight=10001", "MemoryMax=lots", "MemoryMax=101%", "TasksMax=0", "AllowedCPUs=x",
		"IOReadBandwidthMax=10M", "IOReadBandwidthMax=vda 10M", "DeviceAllow=/dev/fuse x", "KillSignal=TERMINATE", "IPAddressDeny=1.2.3",
		"Delegate=maybe", "ExecStart=/bin/true", "",
	} {
		name, text, _ := strings.Cut(line, "=")
		if got, err := ParseProperty(name, text); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s is taken as %v", line, got)
		}
	}
}

func TestResources(t *testing.T) {
	r := Resources{
		CPU: "50%", CPUWeight: 10, CPUs: "0", Memory: "1G", MemoryHigh: "900M", MemoryLow: "10%", Swap: "0", Tasks: "100", IOWeight: 20,
		IORead: map[string]string{"/b": "2M", "/a": "1M"}, UnitProperties: map[string]string{"TasksMax": "200"},
	}
	got, err := r.Properties()
	if err != nil {
		t.Fatal(err)
	}
	want := []UnitProperty{
		{"CPUQuotaPerSecUSec", uint64(500_000)}, {"CPUWeight", uint64(10)}, {"AllowedCPUs", []byte{1}}, {"MemoryMax", uint64(1 << 30)},
		{"MemoryHigh", uint64(900 << 20)}, {"MemoryLowScale", uint32(429496730)}, {"MemorySwapMax", uint64(0)}, {"TasksMax", uint64(100)},
		{"IOWeight", uint64(20)}, {"IOReadBandwidthMax", []DeviceAmount{{"/a", 1 << 20}, {"/b", 2 << 20}}}, {"TasksMax", uint64(200)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
	for want, r := range map[string]Resources{
		`setting resources.cpu: it is not a percentage`:                   {CPU: "2"},
		`setting resources.io_write: "/dev/x" = "much": "much" is not an`: {IOWrite: map[string]string{"/dev/x": "much"}},
		`setting resources.slice: "web" is not the name of a slice`:       {Slice: "web"},
		`setting resources.properties: unit property "Exec" is not one`:   {UnitProperties: map[string]string{"Exec": "x"}},
	} {
		if err := r.validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
