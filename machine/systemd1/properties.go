// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"context"
	"fmt"
)

// SetProperties changes properties of a unit that is there, in this order, until the next start of the host; for a transient unit that is
// until its end (SetUnitProperties of org.freedesktop.systemd1(5)). Either all are changed or none.
func (c *Conn) SetProperties(ctx context.Context, unit string, props ...Property) error {
	if err := c.call(ctx, "SetUnitProperties", unit, true, props).Err; err != nil {
		return fmt.Errorf("set properties of unit %q: %w", unit, err)
	}
	return nil
}
