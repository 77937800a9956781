// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"machined-go/machine/systemd1"
)

// Here the make-believe host is systemd: it implements units.

func machineOf(unit string) string {
	return strings.TrimSuffix(strings.TrimPrefix(unit, "contain@"), ".service")
}

func (h *host) StartUnit(_ context.Context, unit string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := machineOf(unit)
	switch {
	case h.machines[name] != nil:
		return nil
	case name == "broken" || name == "busy":
		return &systemd1.JobError{Unit: unit, Result: "failed"}
	case name == "slow":
		return &systemd1.JobError{Unit: unit, Result: "timeout"}
	case !slices.Contains(h.images, name):
		h.states[unit] = systemd1.Unit{ActiveState: "failed", Result: "exit-code", InvocationID: []byte{0xab}}
		return &systemd1.JobError{Unit: unit, Result: "failed"}
	}
	h.leader++
	h.machines[name] = &fakeMachine{unit: "machine-" + name + ".scope", leader: h.leader, shift: 65536}
	h.states[unit] = systemd1.Unit{ActiveState: "active"}
	h.states["machine-"+name+".scope"] = systemd1.Unit{ActiveState: "active"}
	return nil
}

func (h *host) StopUnit(ctx context.Context, unit string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := machineOf(unit)
	if h.deaf[name] {
		return fmt.Errorf("wait for the job of %q: %w", unit, context.DeadlineExceeded)
	}
	h.end(name)
	if h.badEnd {
		h.states[unit] = systemd1.Unit{ActiveState: "failed", Result: "timeout"}
	}
	return nil
}

func (h *host) Unit(_ context.Context, name string) (systemd1.Unit, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	state, ok := h.states[name]
	if !ok {
		state.ActiveState = "inactive"
	}
	state.Name = name
	return state, nil
}

func (h *host) EnableUnitFiles(_ context.Context, units ...string) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.enabled = append(h.enabled, units...)
	return true, nil
}

func (h *host) DisableUnitFiles(_ context.Context, units ...string) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.enabled = slices.DeleteFunc(h.enabled, func(u string) bool { return slices.Contains(units, u) })
	return true, nil
}

// journal gives the last line of a unit that failed without a status, and a
// short log for a status card.
func (h *host) journal(_ context.Context, args ...string) ([]byte, error) {
	all := strings.Join(args, " ")
	switch {
	case strings.Contains(all, "_SYSTEMD_INVOCATION_ID=ab"):
		return []byte("its last words\n"), nil
	case strings.Contains(all, "--output=short"):
		return []byte("May 04 12:00:00 lab systemd[1]: a log line\n"), nil
	}
	return nil, nil
}

// QueueRestart implements units.
func (h *host) QueueRestart(context.Context, string) error { return nil }

// SetProperties implements units.
func (h *host) SetProperties(_ context.Context, unit string, props ...systemd1.Property) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if state, ok := h.states[unit]; !ok || !state.Active() {
		return fmt.Errorf("set properties of unit %q: it is not there", unit)
	}
	for _, p := range props {
		h.told = append(h.told, fmt.Sprintf("%s: %s=%v", unit, p.Name, p.Value))
	}
	return nil
}
