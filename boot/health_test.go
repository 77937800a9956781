// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"strings"
	"testing"
	"time"
)

func TestHealth(t *testing.T) {
	h := Health{Command: []string{"/bin/true"}}
	times, err := h.Times()
	if err != nil || times.Interval != 30*time.Second || times.Timeout != 30*time.Second || h.Limit() != 3 || h.validate() != nil {
		t.Errorf("by default %+v, %v, %d, %v", times, err, h.Limit(), h.validate())
	}
	h.Interval, h.Timeout, h.StartPeriod, h.Retries, h.Action = "1min", "5s", "500ms", 1, "none"
	times, err = h.Times()
	if err != nil || times != (HealthTimes{time.Minute, 5 * time.Second, 500 * time.Millisecond}) || h.Limit() != 1 || h.validate() != nil {
		t.Errorf("as set %+v, %v, %d, %v", times, err, h.Limit(), h.validate())
	}
	for want, h := range map[string]Health{
		`health.interval: "often" is not a time span`:    {Interval: "often"},
		`health.timeout: "10ms" is less than a second`:   {Timeout: "10ms"},
		`health.retries: -1 is negative`:                 {Retries: -1},
		`health.action: "reboot" is neither`:             {Action: "reboot"},
		`health.command: "true" is not an absolute path`: {Command: []string{"true"}},
		`health.command: it has a NUL byte`:              {Command: []string{"/a", "\x00"}},
	} {
		if err := h.validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v gives %v, want %q", h, err, want)
		}
	}
}
