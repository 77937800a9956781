// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

func TestParseSignal(t *testing.T) {
	good := map[string]int{
		"15": 15, "TERM": 15, "SIGTERM": 15, "sigkill": 9, "hup": 1, "RTMIN": 34, "RTMIN+4": 38,
		"SIGRTMIN+4": 38, "SIGRTMAX": 64, "RTMAX-3": 61, "64": 64,
	}
	for text, want := range good {
		if got, err := parseSignal(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "0", "-1", "65", "SIG", "NONE", "RTMIN-1", "RTMIN+31", "RTMAX-31", "RTMAX+1", "RTMIN+x"} {
		if got, err := parseSignal(bad); err == nil {
			t.Errorf("%q is taken for %d", bad, got)
		}
	}
}

func TestSignalNamesAreSignals(t *testing.T) {
	for _, name := range signalNames() {
		if _, err := parseSignal(name); err != nil {
			t.Error(err)
		}
	}
}
