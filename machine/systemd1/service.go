// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/godbus/dbus/v5"
)

// On speaks over a connection of somebody else's to the systemd at its other
// end, such as that of a machine. It listens to no signals: only calls that do
// not wait for a job work.
func On(bus *dbus.Conn) *Conn {
	c := newConn()
	c.bus = bus
	c.released = true
	return c
}

// QueueRestart asks for a unit to be started, or started again, and does not wait. However often it failed before, that is forgiven.
func (c *Conn) QueueRestart(ctx context.Context, unit string) error {
	if err := c.ResetFailed(ctx, unit); err != nil {
		return err
	}
	if err := c.call(ctx, "RestartUnit", unit, "replace").Err; err != nil {
		return fmt.Errorf("start unit %q: %w", unit, err)
	}
	return nil
}

// QueueService asks for a transient service and does not wait.
func (c *Conn) QueueService(ctx context.Context, name string, props []Property) error {
	if err := c.call(ctx, "StartTransientUnit", name, "fail", props, []auxUnit{}).Err; err != nil {
		return fmt.Errorf("start service %q: %w", name, err)
	}
	return nil
}

// Command is one ExecStart= command line.
type Command struct {
	Path          string
	Args          []string // with the name of the program itself
	IgnoreFailure bool
}

// Service is a transient service that runs a program which says when it is
// ready (sd_notify(3)), again should it end, and that goes with BoundTo.
type Service struct {
	Name, Description string
	BoundTo           string // a unit
	Argv, Env         []string
	Socket            *os.File // is passed to it (sd_listen_fds(3)); needs systemd 256
	Extra             []Property
}

const (
	// restartPause is how long it takes until a service runs again.
	restartPause = 500 * time.Millisecond
	// stopLimit is how long one may take to end. Until then BoundTo, which it names, cannot be made anew.
	stopLimit = 5 * time.Second
)

// passed is an entry of ExtraFileDescriptors.
type passed struct {
	File dbus.UnixFD
	Name string
}

// commandEx is an entry of ExecStartEx.
type commandEx struct {
	Path  string
	Argv  []string
	Flags []string
}

// StartService starts a service and waits until it is ready, with the patience
// and the errors of [Conn.StartScope].
func (c *Conn) StartService(ctx context.Context, s Service) error {
	raw, err := s.Socket.SyscallConn()
	if err != nil {
		return fmt.Errorf("start service %q: %w", s.Name, err)
	}
	var started error
	err = raw.Control(func(fd uintptr) { started = c.startTransient(ctx, s.Name, s.properties(dbus.UnixFD(fd))) })
	if err == nil {
		err = started
	}
	if err != nil {
		return fmt.Errorf("start service %q: %w", s.Name, err)
	}
	return nil
}

func (s Service) properties(socket dbus.UnixFD) []Property {
	return append([]Property{
		Prop("Description", s.Description),
		Prop("BindsTo", []string{s.BoundTo}),
		Prop("After", []string{s.BoundTo}),
		Prop("CollectMode", "inactive-or-failed"),
		Prop("Slice", "system.slice"), // else one of its template's, which stays
		Prop("Type", "notify"),
		Prop("ExecStartEx", []commandEx{{s.Argv[0], s.Argv, []string{"no-env-expand"}}}),
		Prop("Environment", s.Env),
		Prop("Restart", "always"),
		Prop("RestartUSec", uint64(restartPause.Microseconds())),
		Prop("StartLimitIntervalUSec", uint64(0)),
		Prop("TimeoutStopUSec", uint64(stopLimit.Microseconds())),
		Prop("ExtraFileDescriptors", []passed{{socket, "listen"}}),
	}, s.Extra...)
}
