// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"
)

func TestSpanHasTwoUnits(t *testing.T) {
	tests := map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 45 * time.Second: "45s", 61 * time.Second: "1min 1s", time.Hour: "1h",
		26*time.Hour + 59*time.Second: "1d 2h", 90 * time.Minute: "1h 30min", 24*time.Hour + time.Minute: "1d",
	}
	for d, want := range tests {
		if got := span(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}
