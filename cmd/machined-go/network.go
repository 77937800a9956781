// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"time"

	"machined-go/boot/network"
	"machined-go/boot/network/follow"
	"machined-go/boot/network/nat"
)

// networkVerb is the argument with which machined-go-network.service runs this program.
const networkVerb = "network"

// networkIdle is how long the service stays when there is no machine that needs it; the path unit starts it again.
const networkIdle = 10 * time.Second

// runNetwork looks after the networks of machines until stop ends or none needs it any more.
func runNetwork(stop context.Context, log *slog.Logger) error {
	f, err := follow.New(network.TheHost(), nat.Write, log)
	if err != nil {
		return err
	}
	return f.Run(stop, networkIdle)
}
