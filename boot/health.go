// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Health is how it is found out whether a running machine works.
type Health struct {
	// Command to run inside, an absolute path and arguments; exit status 0 means that the machine works.
	Command []string `toml:"command"`
	// Time between two checks, such as "10s"; by default 30 s.
	Interval string `toml:"interval"`
	// Time after which a check counts as failed; by default 30 s.
	Timeout string `toml:"timeout"`
	// Time after the start during which failures do not count.
	StartPeriod string `toml:"start_period"`
	// How many failures in a row are needed; by default 3.
	Retries int `toml:"retries"`
	// What then happens: "restart", the default, or "none".
	Action string `toml:"action"`
}

// HealthDir is where the outcome of the last check of each machine is noted, in a file of its name.
const HealthDir = "/run/machined-go/health"

// HealthFile is that of a machine.
func HealthFile(machine string) string { return filepath.Join(HealthDir, machine) }

// HealthTimes are the times of a machine's health checks.
type HealthTimes struct{ Interval, Timeout, StartPeriod time.Duration }

// Times reads them.
func (h Health) Times() (HealthTimes, error) {
	t := HealthTimes{Interval: 30 * time.Second, Timeout: 30 * time.Second}
	for _, one := range []struct {
		key, text string
		into      *time.Duration
	}{
		{"interval", h.Interval, &t.Interval}, {"timeout", h.Timeout, &t.Timeout}, {"start_period", h.StartPeriod, &t.StartPeriod},
	} {
		if one.text == "" {
			continue
		}
		d, err := parseSpan(one.text)
		if err != nil {
			return t, fmt.Errorf("setting health.%s: %w", one.key, err)
		}
		if d < time.Second && one.key != "start_period" {
			return t, fmt.Errorf("setting health.%s: %q is less than a second", one.key, one.text)
		}
		*one.into = d
	}
	return t, nil
}

// Limit is how many checks in a row must fail.
func (h Health) Limit() int {
	if h.Retries == 0 {
		return 3
	}
	return h.Retries
}

func (h Health) validate() error {
	if _, err := h.Times(); err != nil {
		return err
	}
	switch {
	case h.Retries < 0:
		return fmt.Errorf("setting health.retries: %d is negative", h.Retries)
	case h.Action != "" && h.Action != "restart" && h.Action != "none":
		return fmt.Errorf("setting health.action: %q is neither restart nor none", h.Action)
	case len(h.Command) == 0:
		return nil
	case !strings.HasPrefix(h.Command[0], "/"):
		return fmt.Errorf("setting health.command: %q is not an absolute path inside", h.Command[0])
	case strings.ContainsRune(strings.Join(h.Command, ""), 0):
		return errors.New("setting health.command: it has a NUL byte")
	}
	return nil
}
