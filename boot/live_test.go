// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLive(t *testing.T) {
	before := Resources{Memory: "1G", UnitProperties: map[string]string{"MemoryMin": "1M", "KillMode": "mixed"}}
	now := Resources{
		Disk: "1G", Slice: "web.slice", CPU: "50%", Tasks: "100", IOWeight: 20, Memory: "2G", CPUs: "0",
		IORead:         map[string]string{"/a": "1M"},
		UnitProperties: map[string]string{"TasksMax": "200", "DeviceAllow": "/dev/kvm", "Delegate": "yes", "MemoryHigh": "25%"},
	}
	host := Processors{CPUs: []byte{0xff, 1}, Nodes: []byte{3}}
	const all = uint64(math.MaxUint64)
	for _, test := range []struct {
		keys  string
		want  []UnitProperty
		later []string
	}{
		{"cpu memory", []UnitProperty{{"CPUQuotaPerSecUSec", uint64(500_000)}, {"MemoryMax", uint64(2 << 30)}}, nil},
		{"tasks", []UnitProperty{{"TasksMax", uint64(100)}, {"TasksMax", uint64(200)}}, nil}, // as at the start, the last one counts
		{"swap memory_low", []UnitProperty{{"MemoryLow", uint64(0)}, {"MemorySwapMax", all}}, nil},
		{"properties.AllowedMemoryNodes properties.StartupAllowedCPUs", []UnitProperty{{"AllowedMemoryNodes", []byte{3}}, {"StartupAllowedCPUs", []byte{0xff, 1}}}, nil},
		{"cpu_weight", []UnitProperty{{"CPUWeight", all}}, nil},
		{"io_read./a", []UnitProperty{{"IOReadBandwidthMax", []DeviceAmount{}}, {"IOReadBandwidthMax", []DeviceAmount{{"/a", 1 << 20}}}}, nil},
		{"io_write", []UnitProperty{{"IOWriteBandwidthMax", []DeviceAmount{}}}, nil},
		{"properties.MemoryHigh", []UnitProperty{{"MemoryHighScale", uint32(1 << 30)}}, nil},
		{"properties.CPUQuota", []UnitProperty{{"CPUQuotaPerSecUSec", uint64(500_000)}}, nil},
		{"properties.DeviceAllow properties.Delegate slice", []UnitProperty{{"DeviceAllow", []DeviceRule{{"/dev/kvm", "rwm"}}}},
			[]string{"properties.Delegate", "slice"}},
		{"properties", []UnitProperty{{"DeviceAllow", []DeviceRule{{"/dev/kvm", "rwm"}}}, {"MemoryHighScale", uint32(1 << 30)}, {"MemoryMin", uint64(0)},
			{"TasksMax", uint64(100)}, {"TasksMax", uint64(200)}}, []string{"properties.Delegate", "properties.KillMode"}},
		{"disk", nil, nil},
	} {
		var keys [][]string
		for key := range strings.FieldsSeq(test.keys) {
			keys = append(keys, strings.SplitN(key, ".", 2))
		}
		got, err := now.Live(before, keys, host)
		if err != nil {
			t.Errorf("%s: %v", test.keys, err)
		}
		if diff := cmp.Diff(Changes{test.want, test.later}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.keys, diff)
		}
	}
}

// When all settings are taken back, the machine has again what it has without any.
func TestLiveWithoutSettings(t *testing.T) {
	if got, err := (Resources{}).Live(Resources{}, [][]string{{}}, Processors{}); err != nil || !cmp.Equal(got, Changes{}) {
		t.Errorf("of nothing: %+v, %v", got, err)
	}
	const all = uint64(math.MaxUint64)
	before := Resources{CPU: "10%", Tasks: "9", Memory: "1G", Slice: "web.slice"}
	got, err := Resources{}.Live(before, [][]string{{}}, Processors{})
	if err != nil {
		t.Fatal(err)
	}
	want := Changes{[]UnitProperty{{"CPUQuotaPerSecUSec", all}, {"MemoryMax", all}, {"TasksMax", uint64(16384)}}, []string{"slice"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Each setting of an amount can be changed and taken back in a machine that runs.
func TestLiveHasAllSettings(t *testing.T) {
	for key := range settingLines {
		c, err := Resources{}.Live(Resources{}, [][]string{{key}}, HostProcessors())
		if err != nil || len(c.Properties) != 1 || len(c.Later) > 0 {
			t.Errorf("%s: %+v, %v", key, c, err)
		}
	}
}
