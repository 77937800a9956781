// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// machinesTarget is what the host pulls in at boot to have its machines.
const machinesTarget = "machines.target"

const enableHelp = `Enable makes machines boot with the host from now on. It enables their units
contain@NAME.service, and machines.target, which pulls them in.`

const enableExamples = `  mctl enable deb              from the next boot of the host
  mctl enable --now web db     and start them at once

Undo: mctl disable deb.`

func newEnableCmd(a *app) *cobra.Command {
	var now bool
	cmd := &cobra.Command{
		Use:               "enable NAME…",
		Short:             "boot machines with the host",
		GroupID:           groupHost,
		Long:              enableHelp,
		Example:           enableExamples,
		Args:              names,
		ValidArgsFunction: a.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilInterrupted(cmd.Context())
			defer stop()
			if err := a.enable(ctx, args); err != nil || !now {
				return err
			}
			return each(args, func(name string) error { return a.start(ctx, a.service, name) })
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, "also start them")
	return cmd
}

// enable enables machines that have an image; a unit that can only fail helps
// nobody at the next boot.
func (a *app) enable(ctx context.Context, names []string) error {
	machines, service, err := a.connect(ctx)
	if err != nil {
		return err
	}
	err = each(names, func(name string) error {
		_, err := machines.Image(ctx, name)
		return err
	})
	if err != nil {
		return err
	}
	units := []string{machinesTarget}
	for _, name := range names {
		units = append(units, unitOf(name))
	}
	changed, err := service.EnableUnitFiles(ctx, units...)
	if err != nil {
		return fmt.Errorf("enable %s: %w", strings.Join(names, ", "), err)
	}
	a.tellChange(changed, names, "boots with the host", "booted with the host already")
	return nil
}

// tellChange says what became of each machine, if one is looking.
func (a *app) tellChange(changed bool, names []string, now, already string) {
	if !a.screen {
		return
	}
	text := already
	if changed {
		text = now
	}
	for _, name := range names {
		fmt.Fprintf(a.out, "%s %s\n", name, text)
	}
}
