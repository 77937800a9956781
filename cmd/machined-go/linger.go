// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"machined-go/machine"
	"machined-go/machine/systemd1"
)

// linger returns at once, unless the host shuts down: then it goes on serving
// until the last machine whose console we read is off. A machine says a lot while it stops, and would
// be stuck as soon as nobody reads its console.
func linger(ctx context.Context, units *systemd1.Conn, k *machine.Keeper) {
	ask, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if !units.Stopping(ask) {
		return
	}
	for k.Reading() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}
