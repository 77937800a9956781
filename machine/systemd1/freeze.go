// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoFreezer says that the kernel cannot freeze a unit's processes.
var ErrNoFreezer = errors.New("units cannot be frozen here")

// Freeze has the kernel stop all processes of a unit, and returns once none of
// them runs (FreezeUnit, systemd 246). It is no error if that is so already.
func (c *Conn) Freeze(ctx context.Context, unit string) error {
	err := c.call(ctx, "FreezeUnit", unit).Err
	if isError(err, "org.freedesktop.DBus.Error.NotSupported") {
		err = ErrNoFreezer
	}
	if err != nil {
		return fmt.Errorf("freeze unit %q: %w", unit, err)
	}
	return nil
}

// Thaw is the inverse of Freeze, and returns once the processes run.
func (c *Conn) Thaw(ctx context.Context, unit string) error {
	if err := c.call(ctx, "ThawUnit", unit).Err; err != nil {
		return fmt.Errorf("thaw unit %q: %w", unit, err)
	}
	return nil
}
