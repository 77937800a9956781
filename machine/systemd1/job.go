// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"context"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// JobError is returned when systemd took a job but did not finish it well.
// Result is systemd's word for it: canceled, timeout, failed, dependency,
// skipped (systemd.dbus: org.freedesktop.systemd1(5), JobRemoved).
type JobError struct {
	Unit   string
	Result string
}

func (e *JobError) Error() string {
	return fmt.Sprintf("job for %q ended with %q", e.Unit, e.Result)
}

// RunJob calls a method of the manager that takes (unit, mode) and returns a
// job (StartUnit, StopUnit, RestartUnit, ReloadUnit, …), and waits for the job.
func (c *Conn) RunJob(ctx context.Context, method, unit, mode string) error {
	w, stop := c.watch(unit)
	defer stop()
	var job dbus.ObjectPath
	if err := c.call(ctx, method, unit, mode).Store(&job); err != nil {
		return fmt.Errorf("%s %q: %w", method, unit, err)
	}
	return c.wait(ctx, w, unit, job)
}

// StartUnit starts a unit and waits until it is started.
func (c *Conn) StartUnit(ctx context.Context, unit string) error {
	return c.RunJob(ctx, "StartUnit", unit, "replace")
}

// StopUnit stops a unit and waits until it is stopped.
func (c *Conn) StopUnit(ctx context.Context, unit string) error {
	return c.RunJob(ctx, "StopUnit", unit, "replace")
}

// RestartUnit restarts a unit and waits until it is started again.
func (c *Conn) RestartUnit(ctx context.Context, unit string) error {
	return c.RunJob(ctx, "RestartUnit", unit, "replace")
}

// QueueStop asks systemd to stop a unit (mode "fail", as machined does for
// Terminate) and returns as soon as the job is queued.
func (c *Conn) QueueStop(ctx context.Context, unit string) error {
	if err := c.call(ctx, "StopUnit", unit, "fail").Err; err != nil {
		return fmt.Errorf("stop unit %q: %w", unit, err)
	}
	return nil
}

// EndUnit asks systemd to stop a unit if it knows it, and does not wait.
func (c *Conn) EndUnit(ctx context.Context, unit string) error {
	err := c.call(ctx, "StopUnit", unit, "replace").Err
	if err != nil && !isError(err, busName+".NoSuchUnit") {
		return fmt.Errorf("stop unit %q: %w", unit, err)
	}
	return nil
}

// wait waits for one job of the watched unit.
func (c *Conn) wait(ctx context.Context, w *watch, unit string, job dbus.ObjectPath) error {
	for {
		select {
		case r := <-w.jobs:
			if r.job != job {
				continue
			}
			if r.result != "done" {
				return &JobError{Unit: unit, Result: r.result}
			}
			return nil
		case <-c.bus.Context().Done():
			return fmt.Errorf("wait for the job of %q: connection to systemd lost", unit)
		case <-ctx.Done():
			return fmt.Errorf("wait for the job of %q: %w", unit, ctx.Err())
		}
	}
}
