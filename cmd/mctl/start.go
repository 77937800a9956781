// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/spf13/cobra"

	"machined-go/boot"
	"machined-go/machine/systemd1"
)

const startHelp = `Start boots machines and returns once they are ready: once the system inside
says that it is up, or runs its init if it never says so.

It starts the unit contain@NAME.service, as "systemctl start" does. A machine
that runs already is left alone. Several start at the same time.`

const startExamples = `  mctl start deb               boot the image "deb"
  mctl start web db cache      three at a time
  mctl start --dry-run web     only say what would be done

Next: mctl status deb, mctl login deb. To boot it with the host: mctl enable deb.`

func newStartCmd(a *app) *cobra.Command {
	var dry dryRun
	cmd := &cobra.Command{
		Use:               "start NAME…",
		Short:             "boot machines",
		GroupID:           groupRun,
		Long:              startHelp,
		Example:           startExamples,
		Args:              names,
		ValidArgsFunction: a.completeStopped,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilInterrupted(cmd.Context())
			defer stop()
			if dry != "" {
				return each(args, func(name string) error { return a.previewStart(name, dry) })
			}
			go boot.Hasten()
			service, err := a.units(ctx)
			if err != nil {
				return err
			}
			return each(args, func(name string) error { return a.start(ctx, service, name) })
		},
	}
	dry.addTo(cmd.Flags())
	return cmd
}

// previewStart prints the plan that the machine's service would carry out.
func (a *app) previewStart(name string, format dryRun) error {
	spec, err := a.serviceSpec(name)
	if err != nil {
		return err
	}
	return a.preview(spec, format)
}

// start boots one machine and tells the user, if one is looking.
func (a *app) start(ctx context.Context, service units, name string) error {
	begin := a.now()
	if err := startUnit(ctx, service, name, a.lastWords); err != nil {
		return err
	}
	if a.screen {
		fmt.Fprintf(a.out, "%s is running (%s)\n", name, a.now().Sub(begin).Round(10*time.Millisecond))
	}
	return nil
}

// startUnit starts the machine's unit, waits, and finds the cause of a failure.
func startUnit(ctx context.Context, service units, name string, words lastWords) error {
	err := service.StartUnit(ctx, unitOf(name))
	var job *systemd1.JobError
	var remote dbus.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &job):
		return startFailure(ctx, service, name, job.Result, words)
	case ctx.Err() != nil:
		return fmt.Errorf("start machine %q: interrupted, but it goes on starting: "+
			"see `mctl status %s`, or end it with `mctl poweroff %s`", name, name, name)
	case errors.As(err, &remote) && remote.Name == "org.freedesktop.systemd1.NoSuchUnit":
		return notInstalled(name)
	}
	return fmt.Errorf("start machine %q: %w", name, err)
}

func notInstalled(name string) error {
	return fmt.Errorf("start machine %q: systemd knows no unit contain@.service: "+
		"install machined-go and run `systemctl daemon-reload`", name)
}

// startFailure says why a machine did not start. The starter leaves its error in
// the unit's status text; what died without a word may have logged some.
func startFailure(ctx context.Context, service units, name, result string, words lastWords) error {
	unit := unitOf(name)
	state, err := service.Unit(ctx, unit)
	if err != nil {
		return fmt.Errorf("start machine %q: its job ended with %q: see `systemctl status %s`", name, result, unit)
	}
	if state.LoadState == "not-found" {
		return notInstalled(name)
	}
	cause := strings.TrimPrefix(strings.TrimSpace(state.StatusText), fmt.Sprintf("start machine %q: ", name))
	if result != "failed" {
		cause = ""
	}
	cause = cmp.Or(cause, jobWords(result), words(ctx, unit, state.InvocationID), resultWords(state.Result))
	text := fmt.Sprintf("start machine %q: %s", name, strings.TrimRight(oneLine(cause), "."))
	if strings.Contains(cause, "`") {
		return errors.New(text) // the cause has its own remedy
	}
	return fmt.Errorf("%s: see `journalctl -u %s`", text, unit)
}

// jobWords explains how a job ended, as far as that is the whole story.
func jobWords(result string) string {
	switch result {
	case "timeout":
		return "it was not ready in time"
	case "dependency":
		return "a unit it needs did not start"
	case "canceled":
		return "it was stopped while it started"
	case "skipped", "assert":
		return "a condition in its unit file does not hold"
	}
	return ""
}

// resultWords tells how a unit failed that left no word.
func resultWords(result string) string {
	switch result {
	case "protocol", "signal", "core-dump":
		return "it was ended by a signal while it started"
	}
	return "its unit failed with " + result
}

// lastWords gives the last line a unit logged in one of its lives, or nothing.
type lastWords func(ctx context.Context, unit string, life []byte) string

func (a *app) lastWords(ctx context.Context, unit string, life []byte) string {
	match := "--unit=" + unit
	if len(life) > 0 {
		match = fmt.Sprintf("_SYSTEMD_INVOCATION_ID=%x", life)
	}
	text, err := a.journal(ctx, "--lines=1", "--output=cat", match)
	if err != nil {
		return ""
	}
	return oneLine(string(text))
}
