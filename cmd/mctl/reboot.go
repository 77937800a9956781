// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"machined-go/machine/client"
)

const rebootHelp = `Reboot tells the systems inside to boot again and returns once they are ready.

The unit and the console stay; processes, boot id and uptime are new.`

const rebootExamples = `  mctl reboot deb              reboot and wait until it is back
  mctl reboot --no-wait web db

Next: mctl status deb. What happened before the reboot: journalctl -M deb -b -1.`

func newRebootCmd(a *app) *cobra.Command {
	var timeout time.Duration
	var noWait bool
	cmd := &cobra.Command{
		Use:               "reboot NAME…",
		Short:             "boot machines again",
		GroupID:           groupRun,
		Long:              rebootHelp,
		Example:           rebootExamples,
		Args:              names,
		ValidArgsFunction: a.completeRunning,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilInterrupted(cmd.Context())
			defer stop()
			machines, service, err := a.connect(ctx)
			if err != nil {
				return err
			}
			return each(args, func(name string) error {
				if noWait {
					return machines.Kill(ctx, name, "leader", signalReboot)
				}
				return reboot(ctx, machines, service, name, timeout)
			})
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Minute, "how long to wait for each machine")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "tell them and return at once")
	return cmd
}

func reboot(ctx context.Context, machines *client.Client, service units, name string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	machine, err := machines.Machine(ctx, name)
	if err != nil {
		return err
	}
	w, err := expect(ctx, machines, service, machine)
	if err != nil {
		return err
	}
	defer w.close()
	if err := machines.Kill(ctx, name, "leader", signalReboot); err != nil {
		return err
	}
	return late(w.rebooted(ctx), "reboot", name, timeout)
}
