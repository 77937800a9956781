// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"
	"time"

	"machined-go/machine/systemd1"
	"machined-go/machine/varlink"
)

// sortFDs tells what was in our fd store from the sockets that systemd listens
// at for us.
func sortFDs(fds []systemd1.Stored) (stored []systemd1.Stored, sockets []int) {
	for _, s := range fds {
		if s.Name == varlink.PassedName {
			sockets = append(sockets, s.FD)
		} else {
			stored = append(stored, s)
		}
	}
	return stored, sockets
}

// Our units, as the user enables and disables them.
const (
	serviceUnit = "machined-go.service"
	socketUnit  = "machined-go.socket"
)

// retire stops our socket unit if we were disabled: else it would start us
// again when the stock daemon is to serve, and keep us under the name of that
// daemon's unit beside it.
func retire(ctx context.Context, units *systemd1.Conn) (disabled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if units.Stopping(ctx) {
		return false, nil
	}
	state, err := units.FileState(ctx, serviceUnit)
	if err != nil || state != "disabled" {
		return false, err
	}
	return true, units.QueueStop(ctx, socketUnit)
}

// enabled tells whether we are, and so have the names of the stock daemon's unit.
func enabled(ctx context.Context, units *systemd1.Conn) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	state, err := units.FileState(ctx, serviceUnit)
	return err == nil && strings.HasPrefix(state, "enabled")
}
