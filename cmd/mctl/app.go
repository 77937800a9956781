// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/containerd/console"
	"github.com/godbus/dbus/v5"

	"machined-go/boot/network"
	"machined-go/boot/settings"
	"machined-go/boot/settings/nspawn"
	"machined-go/machine/client"
	"machined-go/machine/systemd1"
)

// app is what the verbs share: the user's streams, and the ways to whom they
// talk. Nothing is connected before a verb asks for it.
type app struct {
	in     *os.File
	out    io.Writer
	err    io.Writer
	screen bool // out is a terminal
	colour bool

	now     func() time.Time
	cgroups string // where the cgroup v2 hierarchy is mounted; empty: find it

	interfaceName func(index int) string // of the host
	networks      network.Host

	settings settings.Search
	settled  *settings.Settings // those of the machine that is being started

	bus     func() (*dbus.Conn, error)
	systemd func(context.Context) (units, error)
	journal func(context.Context, ...string) ([]byte, error)

	conn     *dbus.Conn
	machines *client.Client
	service  units
}

// units is what mctl wants of systemd.
type units interface {
	StartUnit(ctx context.Context, unit string) error
	StopUnit(ctx context.Context, unit string) error
	QueueRestart(ctx context.Context, unit string) error
	SetProperties(ctx context.Context, unit string, props ...systemd1.Property) error
	Unit(ctx context.Context, name string) (systemd1.Unit, error)
	EnableUnitFiles(ctx context.Context, units ...string) (bool, error)
	DisableUnitFiles(ctx context.Context, units ...string) (bool, error)
}

func newApp(in, out, errout *os.File) *app {
	screen := isTerminal(out)
	return &app{
		in: in, out: out, err: errout, screen: screen,
		colour: screen && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		now:    time.Now,

		interfaceName: interfaceName,
		networks:      network.TheHost(),

		settings: hostSettings(),

		bus:     systemBus,
		systemd: func(ctx context.Context) (units, error) { return systemd1.Dial(ctx) },
		journal: journalctl,
	}
}

// hostSettings is where settings are looked for, those of systemd-nspawn among them.
func hostSettings() settings.Search {
	s := settings.System()
	s.ReadNspawn = nspawn.Read
	return s
}

func isTerminal(f *os.File) bool {
	_, err := console.ConsoleFromFile(f)
	return err == nil
}

// client connects to the machine manager, once.
func (a *app) client() (*client.Client, error) {
	if a.machines != nil {
		return a.machines, nil
	}
	conn, err := a.bus()
	if err != nil {
		return nil, fmt.Errorf("connect to the system bus: %v: is D-Bus running? (systemctl status dbus)", err)
	}
	a.conn, a.machines = conn, client.New(conn)
	return a.machines, nil
}

// units connects to systemd, once.
func (a *app) units(ctx context.Context) (units, error) {
	if a.service != nil {
		return a.service, nil
	}
	conn, err := a.systemd(ctx)
	if err != nil {
		return nil, err
	}
	a.service = conn
	return conn, nil
}

// connect gives both.
func (a *app) connect(ctx context.Context) (*client.Client, units, error) {
	machines, err := a.client()
	if err != nil {
		return nil, nil, err
	}
	service, err := a.units(ctx)
	return machines, service, err
}

// systemBus names its way of authentication, to spare godbus the search for
// others.
func systemBus() (*dbus.Conn, error) {
	return dbus.ConnectSystemBus(dbus.WithAuth(dbus.AuthExternal(strconv.Itoa(os.Geteuid()))))
}

func journalctl(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "journalctl", append([]string{"--quiet", "--no-pager"}, args...)...)
	return cmd.Output()
}

// untilInterrupted gives a context that ends when the user stops the command,
// so that terminals are put right and half-done waits are told of.
func untilInterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
}
