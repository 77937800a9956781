// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"strings"
	"testing"
)

func TestConsoleMode(t *testing.T) {
	for console, want := range map[string][2]string{ // with pipes, on a terminal
		"": {"pipe", "interactive"}, "auto": {"pipe", "interactive"}, "interactive": {"interactive", "interactive"},
		"read-only": {"read-only", "read-only"}, "passive": {"passive", "passive"}, "pipe": {"pipe", "pipe"},
	} {
		spec := Spec{Name: "web", Root: "/srv", Console: console}
		if err := spec.Validate(); err != nil {
			t.Error(err)
		}
		if got := [2]string{spec.ConsoleMode(false), spec.ConsoleMode(true)}; got != want {
			t.Errorf("console %q is %q, want %q", console, got, want)
		}
	}
	if err := (Spec{Name: "web", Root: "/srv", Console: "autopipe"}).Validate(); err == nil || !strings.Contains(err.Error(), `console "autopipe" is none of`) {
		t.Errorf("got %v", err)
	}
}
