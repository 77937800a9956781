// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

const rebootHelp = `Reboot tells the systems inside to boot again and returns once they are ready.

The unit and the console stay; processes, boot id and uptime are new.`

const rebootExamples = `  mctl reboot deb              reboot and wait until it is back
  mctl reboot --no-wait web db

Next: mctl status deb. What happened before the reboot: journalctl -M deb -b -1.`

func newRebootCmd(a *app) *cobra.Command {
	return a.changing(&cobra.Command{
		Use: "reboot NAME…", Short: "boot machines again", Long: rebootHelp, Example: rebootExamples,
	}, change{3 * time.Minute, "tell them and return at once", signalLeader(signalReboot), reboot})
}

func reboot(ctx context.Context, r running, timeout time.Duration) error {
	w, err := r.watch(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	if err := signalLeader(signalReboot)(r.machines, ctx, r.name); err != nil {
		return err
	}
	return late(w.rebooted(ctx), "reboot", r.name, timeout)
}
