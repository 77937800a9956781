// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"machined-go/machine"
	"machined-go/machine/systemd1"
)

// watchdog tells systemd that we live, as long as the table of machines can be
// asked: a deadlock there ends the pings, and systemd starts us anew.
func watchdog(ctx context.Context, n *systemd1.Notifier, m *machine.Manager) {
	every := systemd1.WatchdogInterval()
	if every == 0 {
		return
	}
	for t := time.NewTicker(every); ; {
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
			if _, err := m.Get(machine.HostName); err == nil {
				_ = n.Notify("WATCHDOG=1")
			}
		}
	}
}
