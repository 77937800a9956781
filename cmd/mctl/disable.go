// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const disableHelp = `Disable undoes "mctl enable": machines no longer boot with the host. Those that
run go on running.`

const disableExamples = `  mctl disable deb
  mctl disable --now web db    and shut them down

Next: mctl poweroff deb, if it runs.`

func newDisableCmd(a *app) *cobra.Command {
	var now bool
	cmd := &cobra.Command{
		Use:               "disable NAME…",
		Short:             "no longer boot machines with the host",
		GroupID:           groupHost,
		Long:              disableHelp,
		Example:           disableExamples,
		Args:              names,
		ValidArgsFunction: a.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilInterrupted(cmd.Context())
			defer stop()
			if err := a.disable(ctx, args); err != nil || !now {
				return err
			}
			return each(args, func(name string) error { return a.endIfActive(ctx, name) })
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, "also shut them down")
	return cmd
}

func (a *app) disable(ctx context.Context, names []string) error {
	service, err := a.units(ctx)
	if err != nil {
		return err
	}
	var units []string
	for _, name := range names {
		units = append(units, unitOf(name))
	}
	changed, err := service.DisableUnitFiles(ctx, units...)
	if err != nil {
		return fmt.Errorf("disable %s: %w", strings.Join(names, ", "), err)
	}
	a.tellChange(changed, names, "no longer boots with the host", "did not boot with the host")
	return nil
}

// endIfActive stops the machine's unit; one that does not run is as wished.
func (a *app) endIfActive(ctx context.Context, name string) error {
	const timeout = 2 * time.Minute
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	state, err := a.service.Unit(ctx, unitOf(name))
	if err != nil || !state.Active() {
		return err
	}
	return stopUnit(ctx, a.service, name, timeout)
}
