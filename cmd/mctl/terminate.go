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
	return a.changing(&cobra.Command{
		Use: "terminate NAME…", Short: "end machines at once", Long: terminateHelp, Example: terminateExamples,
	}, change{2 * time.Minute, "ask for it and return at once", (*client.Client).Terminate, terminate})
}

func terminate(ctx context.Context, r running, timeout time.Duration) error {
	w, err := r.watch(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	if err := r.machines.Terminate(ctx, r.name); err != nil {
		return err
	}
	return late(w.gone(ctx), "terminate", r.name, timeout)
}
