// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"machined-go/machine/client"
)

// verb is what is told to one running machine.
type verb = func(machines *client.Client, ctx context.Context, name string) error

// toRunning completes a command that tells something to the running machines it is given.
func (a *app) toRunning(cmd *cobra.Command, tell verb) *cobra.Command {
	cmd.GroupID, cmd.Args, cmd.ValidArgsFunction = groupRun, names, a.completeRunning
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		machines, err := a.client()
		if err != nil {
			return err
		}
		return each(args, func(name string) error { return tell(machines, cmd.Context(), name) })
	}
	return cmd
}

// change is a verb that takes its time to come about.
type change struct {
	within time.Duration // how long one waits for it, unless told otherwise
	noWait string        // what --no-wait means
	tell   verb
	// bring tells it and waits until it is so, or ctx ends after timeout.
	bring func(ctx context.Context, r running, timeout time.Duration) error
}

// running is a machine that is to change.
type running struct {
	machines *client.Client
	service  units
	name     string
}

// changing completes a command that changes the running machines it is given.
func (a *app) changing(cmd *cobra.Command, c change) *cobra.Command {
	var timeout time.Duration
	var noWait bool
	cmd.GroupID, cmd.Args, cmd.ValidArgsFunction = groupRun, names, a.completeRunning
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop := untilInterrupted(cmd.Context())
		defer stop()
		machines, service, err := a.connect(ctx)
		if err != nil {
			return err
		}
		return each(args, func(name string) error {
			if noWait {
				return c.tell(machines, ctx, name)
			}
			ctx, cancel := context.WithTimeout(ctx, timeout)
			defer cancel()
			return c.bring(ctx, running{machines, service, name}, timeout)
		})
	}
	cmd.Flags().DurationVar(&timeout, "timeout", c.within, "how long to wait for each machine")
	cmd.Flags().BoolVar(&noWait, "no-wait", false, c.noWait)
	return cmd
}

// watch begins to follow the machine.
func (r running) watch(ctx context.Context) (*wait, error) {
	machine, err := r.machines.Machine(ctx, r.name)
	if err != nil {
		return nil, err
	}
	return expect(ctx, r.machines, r.service, machine)
}
