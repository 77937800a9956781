// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"machined-go/machine/client"
)

const terminateHelp = `Terminate ends machines without asking the systems inside, and returns once
nothing of them runs any more. Like pulling the plug: use it on machines that
do not listen to "mctl poweroff".`

const terminateExamples = `  mctl terminate deb
  mctl terminate --no-wait web db

Next: mctl start deb.`

func newTerminateCmd(a *app) *cobra.Command {
	var timeout time.Duration
	var noWait bool
	cmd := &cobra.Command{
		Use:               "terminate NAME…",
		Short:             "end machines at once",
		GroupID:           groupRun,
		Long:              terminateHelp,
		Example:           terminateExamples,
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
					return machines.Terminate(ctx, name)
				}
				return terminate(ctx, machines, service, name, timeout)
			})
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "how long to wait for each machine")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "ask for it and return at once")
	return cmd
}

func terminate(ctx context.Context, machines *client.Client, service units, name string, timeout time.Duration) error {
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
	if err := machines.Terminate(ctx, name); err != nil {
		return err
	}
	return late(w.gone(ctx), "terminate", name, timeout)
}
