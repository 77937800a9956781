// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"machined-go/boot"
	"machined-go/boot/handover"
	"machined-go/boot/settings"
	"machined-go/machine/image"
	"machined-go/machine/systemd1"
	"machined-go/unitgen"
)

// newStarterCmd is what contain@.service runs: it starts a machine and is gone.
func newStarterCmd(a *app) *cobra.Command {
	var clean bool
	cmd := &cobra.Command{
		Use:    "starter NAME",
		Short:  "start a machine for its service (contain@NAME.service runs this)",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, boot.StopSignal)
			defer stop()
			if clean {
				return cleanAfter(ctx, args[0])
			}
			return a.serve(ctx, args[0])
		},
	}
	cmd.Flags().BoolVar(&clean, "clean", false, "take away what the machine left behind")
	return cmd
}

// serve starts machine name. An error also becomes the service's status, where `mctl start` finds it.
func (a *app) serve(ctx context.Context, name string) error {
	manager := handover.FromEnv()
	err := a.startService(ctx, manager, name)
	if err != nil {
		_ = manager.Status(explain(err))
	}
	return err
}

func (a *app) startService(ctx context.Context, manager handover.Manager, name string) error {
	partners := newPartners(a)
	if err := boot.CheckName(name); err != nil {
		return err
	}
	img, err := image.Find(name)
	if err != nil {
		return err
	}
	spec := boot.Spec{Name: name, Root: img.Path, Veth: true, Terminal: true, Unit: unitgen.Service(name)}
	if err := settings.Apply(&spec); err != nil {
		return err
	}
	s := &boot.Service{
		Starter:   boot.Starter{Units: partners, Registry: partners},
		Manager:   manager,
		LockImage: func() ([]*os.File, error) { return image.Lock(img.Path, true) },
		Attach:    partners.attach,
	}
	return s.Run(ctx, spec, handover.Stored())
}

// cleanAfter is the service's ExecStopPost=. A guest that reboots comes back at once, so there is nothing to clean.
func cleanAfter(ctx context.Context, name string) error {
	if os.Getenv("EXIT_CODE") == "killed" && os.Getenv("EXIT_STATUS") == "HUP" {
		return nil
	}
	ours, err := boot.Clean(name, unitgen.Service(name))
	if ours && os.Getenv("SERVICE_RESULT") != "success" {
		// systemd may have put a process into the scope that was dying: nothing would ever end it.
		err = errors.Join(err, endScope(ctx, unitgen.Scope(name)))
	}
	return err
}

func endScope(ctx context.Context, scope string) error {
	systemd, err := systemd1.Dial(ctx)
	if err != nil {
		return err
	}
	defer systemd.Close()
	return systemd.EndUnit(ctx, scope)
}
