// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"machined-go/machine/client"
	"machined-go/machine/systemd1"
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
		if err != nil && !missing(err) {
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

// downForGood is how long a unit must be down until nothing will start it again:
// systemd's own restart passes through "inactive".
const downForGood = 2 * time.Second

// rebooted waits until the machine runs with another leader than before, and
// its unit is started again.
func (w *wait) rebooted(ctx context.Context) error {
	var down time.Time
	return w.until(ctx, func(ctx context.Context) (bool, error) {
		now, err := w.machines.Machine(ctx, w.machine.Name)
		if err != nil && !missing(err) {
			return false, err
		}
		if err == nil && now.Leader != w.machine.Leader {
			return w.ready(ctx)
		}
		state, err := w.starter(ctx)
		switch {
		case err != nil || state.Active():
			down = time.Time{}
			return false, err
		case down.IsZero():
			down = time.Now()
		case time.Since(down) > downForGood:
			return false, w.notBack(state)
		}
		return false, nil
	})
}

// ready says whether the unit that starts the machine has started it. A machine
// that no unit of ours starts is ready when it is registered.
func (w *wait) ready(ctx context.Context) (bool, error) {
	state, err := w.service.Unit(ctx, unitOf(w.machine.Name))
	return state.ActiveState == "active" || state.ActiveState == "inactive", err
}

// starter gives the unit that would boot the machine again: the first that is
// active, or the one that failed.
func (w *wait) starter(ctx context.Context) (systemd1.Unit, error) {
	var last systemd1.Unit
	for _, unit := range []string{unitOf(w.machine.Name), w.machine.Unit} {
		state, err := w.service.Unit(ctx, unit)
		if err != nil || state.Active() {
			return state, err
		}
		if last.ActiveState != "failed" {
			last = state
		}
	}
	return last, nil
}

func (w *wait) notBack(state systemd1.Unit) error {
	text := fmt.Sprintf("reboot machine %q: it went down and did not come back", w.machine.Name)
	if state.ActiveState == "failed" {
		return fmt.Errorf("%s, %s failed with %s: see `journalctl -u %s`", text, state.Name, state.Result, state.Name)
	}
	return fmt.Errorf("%s: start it with `mctl start %s`", text, w.machine.Name)
}
