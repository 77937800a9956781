// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"context"
	"fmt"

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
