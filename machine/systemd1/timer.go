// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"context"
	"fmt"
	"time"
)

// Timer is a transient timer unit (systemd.timer(5)) that starts the service of the same name each time Interval has passed since that
// last ended, and first Interval after the timer began. It goes with BoundTo.
type Timer struct {
	Name, Description string
	BoundTo           string // a unit
	Interval          time.Duration
}

// monotonic is an entry of TimersMonotonic, as StartTransientUnit takes it.
type monotonic struct {
	Base string
	USec uint64
}

// StartTimer makes a timer; one of the same name that runs already is left as it is.
func (c *Conn) StartTimer(ctx context.Context, t Timer) error {
	usec := uint64(t.Interval.Microseconds())
	props := []Property{
		Prop("Description", t.Description),
		Prop("BindsTo", []string{t.BoundTo}),
		Prop("After", []string{t.BoundTo}),
		Prop("TimersMonotonic", []monotonic{{"OnActiveSec", usec}, {"OnUnitInactiveSec", usec}}),
		Prop("AccuracyUSec", uint64(time.Second.Microseconds())),
		Prop("CollectMode", "inactive-or-failed"),
	}
	err := c.call(ctx, "StartTransientUnit", t.Name, "replace", props, []auxUnit{}).Err
	if err != nil && !isError(err, busName+".UnitExists") {
		return fmt.Errorf("start timer %q: %w", t.Name, err)
	}
	return nil
}
