// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
)

// bootContest starts a whole Debian as a service, reboots it and powers it off; each side's own command asks for it.
func bootContest(_ context.Context, o options) (*contest, error) {
	return &contest{
		name:    "boot",
		warmups: 1,
		figures: bootFigures(),
		contenders: []contender{
			{name: ours, round: unit{"contain@" + o.image + ".service", o.image, []string{"mctl", "start", o.image}}.round},
			{name: nspawn, round: unit{"systemd-nspawn@" + o.image + ".service", o.image, []string{"machinectl", "start", o.image}}.round},
		},
		close: func() error { return nil },
	}, nil
}

// directContest starts a whole Debian without a unit.
func directContest(_ context.Context, o options) (*contest, error) {
	tree := filepath.Join(machinesDir, o.image)
	oci, err := newBundle("boot", tree, false, "/sbin/init")
	if err != nil {
		return nil, err
	}
	direct := func(argv ...string) func(context.Context) (sample, error) {
		return func(ctx context.Context) (sample, error) { return runForeground(ctx, o.image, argv...) }
	}
	return &contest{
		name:    "direct",
		warmups: 1,
		figures: directFigures(),
		contenders: []contender{
			{name: ours, round: direct("mctl", "run", "--network=none", o.image)},
			{name: nspawn, round: direct("systemd-nspawn", "-q", "-b", "-U", "-D", tree, "-M", o.image, "--private-network", "--register=yes", "--console=pipe")},
			{name: crun, round: oci.boot},
		},
		close: oci.remove,
	}, nil
}

// unit is a service that is a machine.
type unit struct {
	name, machine string
	start         []string // the command that starts it and returns when it has
}

func (u unit) round(ctx context.Context) (sample, error) {
	s := sample{}
	var errs []error
	for _, measure := range []func(context.Context, sample) error{u.begin, u.reboot} {
		if err := measure(ctx, s); err != nil {
			errs = append(errs, err)
			break
		}
	}
	errs = append(errs, u.poweroff(ctx, s))
	return s, errors.Join(errs...)
}

func (u unit) begin(ctx context.Context, s sample) error {
	called := now()
	if err := execute(exec.CommandContext(ctx, u.start[0], u.start[1:]...)); err != nil {
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
