// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// bootContest starts a whole Debian, reboots it and powers it off.
func bootContest(_ context.Context, o options) (*contest, error) {
	oci, err := newBundle("boot", filepath.Join(machinesDir, o.image), []string{"/sbin/init"})
	if err != nil {
		return nil, err
	}
	return &contest{
		name:    "boot",
		warmups: 1,
		figures: bootFigures(),
		contenders: []contender{
			{ours, unit{"contain@" + o.image + ".service", o.image}.round},
			{nspawn, unit{"systemd-nspawn@" + o.image + ".service", o.image}.round},
			{foreground, func(ctx context.Context) (sample, error) { return runForeground(ctx, o.image) }},
			{crun, oci.boot},
		},
		close: oci.remove,
	}, nil
}

// unit is a service that is a machine.
type unit struct{ name, machine string }

func (u unit) round(ctx context.Context) (sample, error) {
	s := sample{}
	var errs []error
	for _, measure := range []func(context.Context, sample) error{u.start, u.reboot} {
		if err := measure(ctx, s); err != nil {
			errs = append(errs, err)
			break
		}
	}
	errs = append(errs, u.poweroff(ctx, s))
	return s, errors.Join(errs...)
}

func (u unit) start(ctx context.Context, s sample) error {
	called := now()
	if err := systemctl(ctx, "start", u.name); err != nil {
		return err
	}
	g, err := registeredGuest(u.machine)
	if err != nil {
		return err
	}
	defer g.close()
	return g.boots(ctx, called, s)
}

// boots notes how long a start took that was called for at that moment. The
// manager's share ends where the guest's systemd writes down its own beginning.
func (g *guest) boots(ctx context.Context, called moment, s sample) error {
	times, err := g.awaitRunning(ctx)
	if err != nil {
		return err
	}
	if times.first < called || times.finished < times.first {
		return fmt.Errorf("guest dates its start %v before the call for it", called-times.first)
	}
	s["start"] = times.first.since(called)
	s["running"] = times.finished.since(called)
	return nil
}
