// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/godbus/dbus/v5"

	"machined-go/boot/sys"
	"machined-go/journal"
	"machined-go/machine"
	"machined-go/machine/bus"
	"machined-go/machine/bus/wire"
	"machined-go/machine/image"
	"machined-go/machine/polkit"
	"machined-go/machine/systemd1"
	"machined-go/machine/varlink"
)

// daemon is the real parts, wired together: systemd and the kernel tell the manager what happens, the manager tells its
// observers, and the two servers ask the manager.
type daemon struct {
	log      *slog.Logger
	notifier *systemd1.Notifier
	units    *unitsLink
	served   *wire.Conn // where calls come in
	conn     *dbus.Conn // for what we ask of others
	polkit   *polkit.Authority
	poller   *sys.Poller
	manager  *machine.Manager
	keeper   *machine.Keeper
	server   *bus.Server
	calls    *varlink.Server
	sockets  []varlink.Socket

	// stored and passed are the descriptors we began with: those we left in the fd store, and the listening sockets.
	stored []systemd1.Stored
	passed []int
}

// assemble makes the parts; nobody can reach us yet.
func assemble(ctx context.Context, log *slog.Logger, severity *severity) (*daemon, error) {
	environ := os.Environ()
	d := &daemon{log: log, units: new(unitsLink)}
	var err error
	if d.notifier, err = systemd1.NewNotifier(); err != nil {
		return nil, err
	}
	d.stored, d.passed = sortFDs(systemd1.StoredFDs())
	dir, err := machine.OpenDir(machine.PublicDir, machine.OwnDir)
	if err != nil {
		return nil, err
	}
	if d.poller, err = sys.NewPoller(); err != nil {
		return nil, err
	}
	d.manager = machine.NewManager(d.units, d.poller, dir, log)
	consoles := journal.NewPool(journal.NewWriter(journal.Socket))
	d.keeper = machine.NewKeeper(d.notifier, d.poller, func(m machine.Machine, fd int) machine.Console {
		return consoles.Open(fd, journal.Source{Machine: m.Name, Units: unitsOf(m)})
	}, log)
	d.server = bus.New(bus.Config{Manager: d.manager, Holder: d.keeper, Log: log, Level: severity,
		Heard: func(path dbus.ObjectPath, name string, args func() ([]any, error)) { d.units.Heard(path, name, args) }})
	if err := d.connect(ctx); err != nil {
		return nil, err
	}
	d.calls = varlink.New(varlink.Config{
		Manager: d.manager, Polkit: d.polkit,
		Level: severity, Log: log, Version: version, Environ: environ,
	})
	d.manager.Observe(d.keeper, d.server, d.calls, newAnnouncer(ctx, journal.NewWriter(journal.Socket)), newTrimmer())
	return d, nil
}

// connect goes to the bus, and follows the units there.
func (d *daemon) connect(ctx context.Context) (err error) {
	if d.conn, err = dbus.ConnectSystemBus(); err == nil {
		d.served, err = wire.Dial(wire.SystemPath())
	}
	if err != nil {
		return fmt.Errorf("connect to the system bus: %w", err)
	}
	if d.units.Conn, err = systemd1.FromBus(ctx, d.conn, d.served, d.manager.UnitChanged); err != nil {
		d.served.Close()
		d.conn.Close()
		return err
	}
	d.polkit = polkit.New(d.conn)
	d.server.Connect(d.served, d.conn, d.polkit)
	return nil
}

// claim takes the names and the sockets that clients know, or fails if somebody else has them.
func (d *daemon) claim(ctx context.Context) (err error) {
	if err := d.server.Claim(func() bool { return enabled(ctx, d.units.Conn) }); err != nil {
		return err
	}
	if d.sockets, err = varlink.Listen(varlink.Places(), d.passed); err != nil {
		return err
	}
	control, err := varlink.NewControls(d.calls, d.poller, varlink.ControlDir)
	if err == nil {
		d.manager.Serve(control)
	}
	return err
}

// serve takes up what an earlier daemon left and answers until stop ends; ctx outlasts it.
func (d *daemon) serve(ctx, stop context.Context) error {
	d.manager.Load(ctx)
	for _, s := range d.stored {
		d.keeper.Restore(s.Name, s.FD, d.manager.Get)
	}
	failed := make(chan error, 2)
	go func() { failed <- d.server.Serve() }()
	for _, s := range d.sockets {
		go d.calls.Serve(s)
	}
	go func() { failed <- d.poller.Run(ctx) }()
	go d.manager.Run(ctx)
	go watchdog(ctx, d.notifier, d.manager)
	go d.tidyImages(ctx)
	go d.manager.SweepScratch()
	if err := d.notifier.Notify("READY=1"); err != nil {
		return err
	}
	select {
	case <-stop.Done():
		d.stop(ctx)
		return nil
	case err := <-failed:
		return err
	case <-d.conn.Context().Done():
		return errors.New("connection to the system bus is lost")
	}
}

func (d *daemon) tidyImages(ctx context.Context) {
	if err := image.Tidy(ctx); err != nil && ctx.Err() == nil {
		d.log.Warn("remains of images stay, ignoring", "error", err)
	}
}

func (d *daemon) stop(ctx context.Context) {
	_ = d.notifier.Notify("STOPPING=1")
	retired, err := retire(ctx, d.units.Conn)
	if err != nil {
		d.log.Warn("varlink socket stays, ignoring", "error", err)
	}
	if retired {
		d.keeper.Unlisten()
		d.manager.Withdraw()
	}
	linger(ctx, d.units.Conn, d.keeper)
}

func (d *daemon) close() {
	for i := range d.sockets {
		d.sockets[i].Close()
	}
	d.served.Close()
	d.conn.Close()
}

// unitsLink gives the manager its way to systemd, which is there only once the
// bus is connected.
type unitsLink struct{ *systemd1.Conn }

// unitsOf are the units whose journal shows a machine's console.
func unitsOf(m machine.Machine) []string {
	if m.ServiceUnit == "" || m.ServiceUnit == m.Unit {
		return []string{m.Unit}
	}
	return []string{m.ServiceUnit, m.Unit}
}
