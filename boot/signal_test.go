// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseSignal(t *testing.T) {
	for text, want := range map[string]unix.Signal{
		"SIGTERM": unix.SIGTERM, "TERM": unix.SIGTERM, "15": unix.SIGTERM, "64": 64, "SIGRTMIN": 34, "SIGRTMIN+3": 37, "RTMAX": 64, "RTMAX-14": 50,
		"": 0, "SIG": 0, "0": 0, "65": 0, "-1": 0, "SIGFOO": 0, "RTMIN3": 0, "RTMIN+": 0, "RTMIN-1": 0, "RTMIN+31": 0, "RTMAX+1": 0, "RTMAX-31": 0, "RTMIN+-3": 0,
	} {
		if got, err := ParseSignal(text); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q is signal %d (%v), want %d", text, got, err, want)
		}
	}
}

func TestEndSignal(t *testing.T) {
	for _, tt := range []struct {
		spec Spec
		want unix.Signal
	}{
		{Spec{}, StopSignal}, {Spec{Command: []string{"/x"}}, unix.SIGKILL},
		{Spec{KillSignal: "SIGINT"}, unix.SIGINT}, {Spec{Command: []string{"/x"}, KillSignal: "USR1"}, unix.SIGUSR1},
	} {
		if got := tt.spec.endSignal(); got != tt.want {
			t.Errorf("%v %q ends by %v, want %v", tt.spec.Command, tt.spec.KillSignal, got, tt.want)
		}
	}
}
