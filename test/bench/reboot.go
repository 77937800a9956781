// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"
)

// reboot lets the guest reboot itself. The gap is the time in which it has no
// PID 1: from the end of one to the first instruction of the next.
func (u unit) reboot(ctx context.Context, s sample) error {
	old, err := registeredGuest(u.machine)
	if err != nil {
		return err
	}
	defer old.close()
	// It dies with the guest that it runs in.
	asking := old.command(ctx, "systemctl", "reboot")
	if err := asking.Start(); err != nil {
		return err
	}
	ended, err := old.awaitEnd(ctx)
	_ = asking.Wait()
	if err != nil {
		return err
	}
	next, err := u.successor(ctx, old)
	if err != nil {
		return err
	}
	defer next.close()
	times, err := next.awaitRunning(ctx)
	if err != nil {
		return err
	}
	s["reboot"] = times.first.since(ended)
	return nil
}

// successor waits for the guest after another one.
func (u unit) successor(ctx context.Context, old *guest) (*guest, error) {
	for {
		g, err := registeredGuest(u.machine)
		if err == nil && g.pid != old.pid {
			return g, nil
		}
		if err == nil {
			g.close()
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for machine to come back: %w", ctx.Err())
		}
	}
}
