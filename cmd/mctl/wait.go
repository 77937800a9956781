// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"machined-go/machine/client"
)

// lookAgain is how often a wait looks for itself: a machine that goes while
// its manager is being restarted goes unannounced.
const lookAgain = 200 * time.Millisecond

// wait is the end of a machine that is waited for. It is made before the
// machine is told to end, so that nothing is missed.
type wait struct {
	machines *client.Client
	service  units
	machine  *client.Machine
	watch    *client.Watch
}

// expect begins to wait for something to happen to a machine.
func expect(ctx context.Context, machines *client.Client, service units, machine *client.Machine) (*wait, error) {
	watch, err := machines.Watch(ctx, machine.Name)
	if err != nil {
		return nil, err
	}
	return &wait{machines, service, machine, watch}, nil
}

func (w *wait) close() { w.watch.Close() }

// until calls done whenever something may have changed, until it says true.
func (w *wait) until(ctx context.Context, done func(context.Context) (bool, error)) error {
	events := w.watch.Events
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		select {
		case _, open := <-events:
			if !open {
				events = nil // the bus is lost; the next look says so
			}
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// gone waits until the machine and its unit are down. The unit goes last: as
// long as it is there the image is in use.
func (w *wait) gone(ctx context.Context) error {
	return w.until(ctx, func(ctx context.Context) (bool, error) {
		now, err := w.machines.Machine(ctx, w.machine.Name)
		if err == nil && now.Leader == w.machine.Leader {
			return false, nil
		}
		if err != nil && !errors.Is(err, client.ErrNoSuchMachine) && !errors.Is(err, client.ErrNoDaemon) {
			return false, err
		}
		for _, unit := range []string{w.machine.Unit, unitOf(w.machine.Name)} {
			state, err := w.service.Unit(ctx, unit)
			if err != nil {
				return false, err
			}
			if state.Active() {
				return false, nil
			}
		}
		return true, nil
	})
}

// rebooted waits until the machine runs with another leader than before, and
// its unit is started again.
func (w *wait) rebooted(ctx context.Context) error {
	return w.until(ctx, func(ctx context.Context) (bool, error) {
		now, err := w.machines.Machine(ctx, w.machine.Name)
		if err == nil && now.Leader != w.machine.Leader {
			return w.ready(ctx)
		}
		if err != nil && !errors.Is(err, client.ErrNoSuchMachine) && !errors.Is(err, client.ErrNoDaemon) {
			return false, err
		}
		return false, w.stillThere(ctx)
	})
}

// ready says whether the unit that starts the machine has started it. A machine
// that no unit of ours starts is ready when it is registered.
func (w *wait) ready(ctx context.Context) (bool, error) {
	state, err := w.service.Unit(ctx, unitOf(w.machine.Name))
	return state.ActiveState == "active" || state.ActiveState == "inactive", err
}

// stillThere gives an error once the unit that would boot it again is down.
func (w *wait) stillThere(ctx context.Context) error {
	var last string
	for _, unit := range []string{unitOf(w.machine.Name), w.machine.Unit} {
		state, err := w.service.Unit(ctx, unit)
		if err != nil || state.Active() {
			return err
		}
		if state.ActiveState == "failed" {
			last = fmt.Sprintf(": %s failed with %s: see `journalctl -u %s`", unit, state.Result, unit)
		}
	}
	return fmt.Errorf("reboot machine %q: it went down and did not come back%s", w.machine.Name, last)
}
