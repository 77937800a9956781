// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestPoweroffOfAMachineThatDoesNotListen(t *testing.T) {
	for _, name := range []string{"web", "db"} {
		h := newHost(t)
		h.deaf[name] = true
		_, errout, status := h.mctl(t, "poweroff", "--timeout=300ms", name)
		want := "not done after 300ms: see what holds it with `mctl status " + name + "`, or end it with `mctl terminate " + name + "`"
		if status != exitFailure || !strings.Contains(errout, want) {
			t.Errorf("%s: status %d, %q", name, status, errout)
		}
	}
}

func TestRebootOfAMachineThatStaysDown(t *testing.T) {
	h := newHost(t)
	h.oneWay = true
	_, errout, status := h.mctl(t, "reboot", "db")
	if status != exitFailure || !strings.Contains(errout, "it went down and did not come back") {
		t.Errorf("status %d, %q", status, errout)
	}
}

func TestPoweroffOfAMachineThatStillStarts(t *testing.T) {
	h := newHost(t)
	state := h.states["contain@web.service"]
	state.ActiveState = "activating"
	h.states["contain@cache.service"] = state
	if _, errout, status := h.mctl(t, "poweroff", "cache"); status != 0 {
		t.Errorf("status %d, %q", status, errout)
	}
}

func TestPoweroffThatEndsBadly(t *testing.T) {
	h := newHost(t)
	h.badEnd = true
	_, errout, status := h.mctl(t, "poweroff", "web")
	if status != exitFailure || !strings.Contains(errout, "it is down, but not in good order (timeout)") {
		t.Errorf("status %d, %q", status, errout)
	}
}
