// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"math"
	"slices"
	"testing"
	"time"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]uint64{
		"0": 0, "1": 1, "10B": 10, "512M": 512 << 20, "1.5G": 3 << 29, "2T": 2 << 40, "infinity": math.MaxUint64, "18446744073709551615": math.MaxUint64,
	} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%q gives %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "M", "-1", "1X", "0x10", "1e3", "NaN", "inf", "17E", "1 M", "100000000000000000000"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%q is taken as %d", text, got)
		}
	}
}

func TestParsePercent(t *testing.T) {
	if got, ok, err := parsePercent("12.34%"); got != 1234 || !ok || err != nil {
		t.Errorf("12.34%% gives %d, %v, %v", got, ok, err)
	}
	if _, ok, err := parsePercent("12"); ok || err != nil {
		t.Errorf("12 gives %v, %v", ok, err)
	}
	for _, text := range []string{"%", "-1%", "NaN%", "1e3%", "0x1p3%", "99999999999%"} {
		if got, ok, err := parsePercent(text); !ok || err == nil {
			t.Errorf("%q is taken as %d", text, got)
		}
	}
}

func TestParseSpan(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90": 90 * time.Second, "1min 30s": 90 * time.Second, "1min30s": 90 * time.Second, "500ms": 500 * time.Millisecond,
		"1.5 h": 90 * time.Minute, "0": 0, "2 days": 48 * time.Hour,
	} {
		if got, err := parseSpan(text); err != nil || got != want {
			t.Errorf("%q gives %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", " ", "s", "-1s", "1 fortnight", "1s x", "1..2s", "999999999 days"} {
		if got, err := parseSpan(text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}

func TestParseCPUs(t *testing.T) {
	for text, want := range map[string][]byte{
		"0": {1}, "0-3,7": {0x8f}, "8": {0, 1}, "1 2": {6}, "0-1, 9": {3, 2},
	} {
		if got, err := parseCPUs(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q gives %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", ",", "a", "3-1", "-1", "1-", "9999999999", "0-8192"} {
		if got, err := parseCPUs(text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
}
