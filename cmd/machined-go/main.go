// SPDX-License-Identifier: Apache-2.0

// Command machined-go keeps the list of running machines and serves it as
// org.freedesktop.machine1, in place of systemd-machined(8).
//
// It can be killed and started again at any moment: nothing stops with it and
// nothing is lost.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/godbus/dbus/v5"

	"machined-go/boot/sys"
	"machined-go/journal"
	"machined-go/machine"
	"machined-go/machine/bus"
	"machined-go/machine/image"
	"machined-go/machine/systemd1"
	"machined-go/machine/varlink"
)

// version is set by the Makefile.
var version = "unknown"

func main() {
	showVersion := flag.Bool("version", false, "print the version and exit")
	level := flag.String("log-level", "info", "least `level` that is logged: debug, info, warn, error")
	flag.Usage = usage
	flag.Parse()
	if *showVersion {
		fmt.Println("machined-go", version)
		return
	}
	log, severity, err := newLogger(os.Stderr, *level)
	if err == nil && flag.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "machined-go:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, log, severity); err != nil {
		log.Error("stop", "error", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprint(os.Stderr, "machined-go keeps the list of running machines (org.freedesktop.machine1).\n"+
		"It is run by machined-go.service: systemctl enable machined-go && systemctl restart machined-go\n\n")
	flag.PrintDefaults()
}

// run wires the real parts together and serves until stop ends.
func run(stop context.Context, log *slog.Logger, severity *severity) error {
	environ := os.Environ()
	ctx, cancel := context.WithCancel(context.WithoutCancel(stop))
	defer cancel()
	notifier, err := systemd1.NewNotifier()
	if err != nil {
		return err
	}
	stored, passed := sortFDs(systemd1.StoredFDs())
	dir, err := machine.OpenDir(machine.PublicDir, machine.OwnDir)
	if err != nil {
		return err
	}
	poller, err := sys.NewPoller()
	if err != nil {
		return err
	}
	link := new(unitsLink)
	manager := machine.NewManager(link, poller, dir, log)
	consoles := journal.NewPool(journal.NewWriter(journal.Socket))
	keeper := machine.NewKeeper(notifier, poller, func(m machine.Machine, fd int) machine.Console {
		return consoles.Open(fd, journal.Source{Machine: m.Name, Units: unitsOf(m)})
	}, log)
	server := bus.New(bus.Config{Manager: manager, Holder: keeper, Log: log, Level: severity})
	conn, err := dbus.ConnectSystemBus(dbus.WithHandler(server.Handler()))
	if err != nil {
		return fmt.Errorf("connect to the system bus: %w", err)
	}
	defer conn.Close()
	if link.Conn, err = systemd1.FromBus(ctx, conn); err != nil {
		return err
	}
	if err := link.Follow(ctx, manager.UnitChanged); err != nil {
		return err
	}
	server.Connect(conn)
	calls := varlink.New(varlink.Config{
		Manager: manager, Polkit: &varlink.Polkit{Conn: conn, Log: log}, Level: severity, Log: log, Version: version, Environ: environ,
	})
	manager.Observe(keeper, server, calls, newAnnouncer(ctx, journal.NewWriter(journal.Socket)), newTrimmer())
	if err := server.Claim(); err != nil {
		return err
	}
	sockets, err := varlink.Listen(varlink.Places(), passed)
	if err != nil {
		return err
	}
	defer closeAll(sockets)
	manager.Load(ctx)
	for _, s := range stored {
		keeper.Restore(s.Name, s.FD, manager.Get)
	}
	server.Serve()
	for _, s := range sockets {
		go calls.Serve(s)
	}
	failed := make(chan error, 1)
	go func() { failed <- poller.Run(ctx) }()
	go manager.Run(ctx)
	go watchdog(ctx, notifier, manager)
	go func() {
		if err := image.Tidy(ctx); err != nil && ctx.Err() == nil {
			log.Warn("remains of images stay, ignoring", "error", err)
		}
	}()
	if err := notifier.Notify("READY=1"); err != nil {
		return err
	}
	select {
	case <-stop.Done():
		_ = notifier.Notify("STOPPING=1")
		if err := retire(ctx, link.Conn); err != nil {
			log.Warn("varlink socket stays, ignoring", "error", err)
		}
		linger(ctx, link.Conn, keeper)
		return nil
	case err := <-failed:
		return err
	case <-conn.Context().Done():
		return errors.New("connection to the system bus is lost")
	}
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
