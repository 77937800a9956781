// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"context"
	"errors"
	"fmt"
)

// ErrNoSubgroups says that this systemd cannot kill a part of a unit; 258 and
// newer can.
var ErrNoSubgroups = errors.New("systemd cannot kill a part of a unit")

// KillSubgroup sends a signal to all processes in a cgroup below that of a
// unit; subgroup is its path below that.
func (c *Conn) KillSubgroup(ctx context.Context, unit, subgroup string, signal int32) error {
	err := c.call(ctx, "KillUnitSubgroup", unit, "cgroup", "/"+subgroup, signal).Err
	if isError(err, "org.freedesktop.DBus.Error.UnknownMethod") {
		return ErrNoSubgroups
	}
	if err != nil {
		return fmt.Errorf("kill %q of unit %q: %w", subgroup, unit, err)
	}
	return nil
}
