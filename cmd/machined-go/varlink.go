// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"machined-go/machine/systemd1"
)

// varlinkSocket is the stock unit that listens for io.systemd.Machine (systemd
// 258 and newer) and would have us answer, as we own the name of its service.
const varlinkSocket = "systemd-machined.socket"

// varlinkPaths are what that unit makes and leaves behind.
var varlinkPaths = []string{
	"/run/varlink/registry/io.systemd.Machine", "/run/varlink/registry/io.systemd.MachineImage",
	"/run/systemd/machine/io.systemd.MachineImage", "/run/systemd/machine/io.systemd.Machine",
}

// yieldVarlink stops that socket. While nobody answers on it, it must not be
// there: systemd-nspawn of these versions only registers over D-Bus if it is
// not.
func yieldVarlink(ctx context.Context, units *systemd1.Conn) error {
	// LEAD: asking systemd for a unit that is not loaded loads and unloads it, which is an event of that unit: without this
	// look first, follower and systemd keep each other busy for ever (27 % CPU in the labs on bookworm and trixie).
	if _, err := os.Lstat(varlinkPaths[3]); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	u, err := units.Unit(ctx, varlinkSocket)
	if err != nil {
		return err
	}
	if !u.Active() {
		return nil
	}
	if err := units.StopUnit(ctx, varlinkSocket); err != nil {
		return err
	}
	var errs []error
	for _, p := range varlinkPaths {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove varlink socket: %w", err)
	}
	return nil
}

// follower passes events of units on, and stops the varlink socket each time
// somebody starts it.
func follower(ctx context.Context, units *systemd1.Conn, pass func(systemd1.Event), log *slog.Logger) func(systemd1.Event) {
	wake := make(chan struct{}, 1)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-wake:
			}
			if err := yieldVarlink(ctx, units); err != nil && ctx.Err() == nil {
				log.Warn("stock varlink socket stays, ignoring", "error", err)
			}
		}
	}()
	return func(e systemd1.Event) {
		pass(e)
		// Not when it was removed: asking for it loads it, and dropping it
		// again would be the next event.
		if e.Unit == varlinkSocket && !e.Removed {
			select {
			case wake <- struct{}{}:
			default:
			}
		}
	}
}
