// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"machined-go/boot"
	"machined-go/boot/handover"
	"machined-go/unitgen"
)

// newStarterCmd is what contain@.service runs: it starts a machine and is gone.
func newStarterCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    "starter NAME",
		Short:  "start a machine for its service (contain@NAME.service runs this)",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, boot.StopSignal)
			defer stop()
			return a.serve(ctx, args[0])
		},
	}
}

// serve starts machine name. An error also becomes the service's status, where `mctl start` finds it.
func (a *app) serve(ctx context.Context, name string) error {
	manager := handover.FromEnv()
	err := a.startService(ctx, manager, name)
	if err != nil {
		_ = manager.Status(explain(err))
		noteFailure(name, err)
	}
	return err
}

func (a *app) startService(ctx context.Context, manager handover.Manager, name string) error {
	turn, err := takeTurn(ctx, manager)
	if err != nil {
		return err
	}
	defer turn.Close()
	partners := newPartners(a)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		// A signal that came before the handler for it was there is lost.
		if partners.stopping(ctx, unitgen.Service(name)) {
			cancel()
		}
	}()
	stored := handover.Stored()
	ordered, taken, err := orderFor(name, stored)
	if err != nil {
		return err
	}
	spec, registry, err := a.starterSpec(partners, name, ordered)
	if err == nil {
		err = boot.Guard(spec, manager, stored)
	}
	if err = errors.Join(err, taken()); err != nil {
		return err
	}
	if ordered != nil {
		stored[storedOrder] = []*os.File{ordered}
	}
	if _, err := readyTree(ctx, &spec); err != nil {
		return err
	}
	a.record(name)
	s := &boot.Service{
		Starter:   boot.Starter{Units: partners, Registry: registry, Receive: partners.receive, Warn: func(err error) { a.report(err) }},
		Manager:   manager,
		LockImage: claimImage(&spec),
		Attach:    partners.attach,
		Watch:     partners.watch,
		Keep:      stored[storedOrder],
	}
	return s.Run(ctx, spec, stored)
}

// takeTurn waits until few enough other machines are being started. It comes before all connections: each would hear of all these.
func takeTurn(ctx context.Context, manager handover.Manager) (*os.File, error) {
	const patience = 2 * time.Minute
	turns, err := boot.HostTurns()
	if err != nil {
		return nil, err
	}
	return turns.Take(ctx, func() { _ = manager.Wait("Waits while other machines start", patience) })
}

// orderFor is what "mctl run --detach" has ordered of a machine, which the service has stored since its first boot, or nil. It holds
// until taken is called.
func orderFor(name string, stored map[string][]*os.File) (ordered *os.File, taken func() error, err error) {
	taken = func() error { return nil }
	if err := boot.CheckName(name); err != nil {
		return nil, taken, err
	}
	if list := stored[storedOrder]; len(list) > 0 {
		return list[0], taken, nil
	}
	if len(stored) > 0 {
		return nil, taken, nil
	}
	return takeOrder(name)
}

// starterSpec is what the service is to run: what was ordered, or the image of the machine's name.
func (a *app) starterSpec(p *partners, name string, ordered *os.File) (boot.Spec, boot.Registry, error) {
	if ordered == nil {
		spec, err := a.serviceSpec(name)
		return spec, p, err
	}
	r, err := readOrder(ordered)
	if err != nil {
		return boot.Spec{}, nil, err
	}
	spec, o, err := r.spec(a)
	if err != nil {
		return spec, nil, err
	}
	registry, err := o.registry(p)
	return spec, registry, err
}

// serviceSpec is what the service of machine name boots.
func (a *app) serviceSpec(name string) (boot.Spec, error) {
	if err := boot.CheckName(name); err != nil {
		return boot.Spec{}, err
	}
	root, missing, err := findTree(name)
	if err != nil {
		return boot.Spec{}, err
	}
	spec := boot.Spec{Name: name, Root: root, Terminal: true, Unit: unitgen.Service(name)}
	if err := a.settle(&spec); err != nil || spec.Template != "" {
		return spec, err
	}
	return spec, missing
}
