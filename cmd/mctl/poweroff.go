// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"machined-go/machine/client"
	"machined-go/machine/systemd1"
)

// sigRTMin is the first real-time signal as the C library counts: the kernel's
// is 32, two are the library's own.
const sigRTMin = 34

// What systemd as PID 1 does on a signal (systemd(1), "Signals").
const (
	signalPoweroff = sigRTMin + 4
	signalReboot   = int(syscall.SIGINT)
)

const poweroffHelp = `Poweroff shuts machines down in good order and returns once they are down and
their images are free again.

The system inside is told to power off. What has not ended when its unit's
stop time-out has passed is killed by systemd.`

const poweroffExamples = `  mctl poweroff deb            shut down and wait
  mctl stop web db             the same verb by its other name
  mctl poweroff --timeout=10s deb

Next: mctl start deb. If a machine does not listen: mctl terminate deb.`

func newPoweroffCmd(a *app) *cobra.Command {
	return a.changing(&cobra.Command{
		Use: "poweroff NAME…", Aliases: []string{"stop"}, Short: "shut machines down", Long: poweroffHelp, Example: poweroffExamples,
	}, change{2 * time.Minute, "tell them and return at once", signalLeader(signalPoweroff), poweroff})
}

// signalLeader sends a signal to the PID 1 of a machine.
func signalLeader(signal int) verb {
	return func(machines *client.Client, ctx context.Context, name string) error {
		return machines.Kill(ctx, name, "leader", signal)
	}
}

// poweroff shuts one machine down: through its unit if it has one of ours, which
// knows the signal its init wants and for how long to be polite; any other by the
// signal that makes systemd power off.
func poweroff(ctx context.Context, r running, timeout time.Duration) error {
	state, err := r.service.Unit(ctx, unitOf(r.name))
	if err != nil {
		return err
	}
	w, err := r.watch(ctx)
	switch {
	case state.Active() && missing(err):
		return stopUnit(ctx, r.service, r.name, timeout)
	case err != nil:
		return err
	}
	defer w.close()
	if state.Active() {
		err = stopUnit(ctx, r.service, r.name, timeout)
	} else {
		err = signalLeader(signalPoweroff)(r.machines, ctx, r.name)
	}
	if err != nil {
		return err
	}
	return late(w.gone(ctx), "power off", r.name, timeout)
}

// missing says whether an error means that no machine is there to be seen: it
// has not registered yet, or its manager is being restarted.
func missing(err error) bool {
	return errors.Is(err, client.ErrNoSuchMachine) || errors.Is(err, client.ErrNoDaemon)
}

// stopUnit stops the machine's unit and waits until it is down.
func stopUnit(ctx context.Context, service units, name string, timeout time.Duration) error {
	unit := unitOf(name)
	err := service.StopUnit(ctx, unit)
	var job *systemd1.JobError
	switch {
	case errors.As(err, &job):
		return fmt.Errorf("power off machine %q: the stop of its unit was %s: see `systemctl status %s`", name, job.Result, unit)
	case err != nil:
		return late(fmt.Errorf("power off machine %q: %w", name, err), "power off", name, timeout)
	}
	state, err := service.Unit(ctx, unit)
	if err == nil && state.ActiveState == "failed" {
		return fmt.Errorf("power off machine %q: it is down, but not in good order (%s): see `journalctl -u %s`",
			name, state.Result, unit)
	}
	return err
}

// late turns the end of a wait into what the user can do about it.
func late(err error, what, name string, timeout time.Duration) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s machine %q: not done after %s: see what holds it with `mctl status %s`, or end it with `mctl terminate %s`",
			what, name, timeout, name, name)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s machine %q: interrupted, but it goes on: see `mctl status %s`", what, name, name)
	}
	return err
}
