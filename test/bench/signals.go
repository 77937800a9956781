// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

// signals hears what systemd and the machine manager announce, which is how a
// round proves that there was a scope and a registered machine.
type signals struct {
	conn  *dbus.Conn
	heard chan *dbus.Signal
}

const (
	machineNew     = "org.freedesktop.machine1.Manager.MachineNew"
	machineRemoved = "org.freedesktop.machine1.Manager.MachineRemoved"
	unitRemoved    = "org.freedesktop.systemd1.Manager.UnitRemoved"
)

func listen() (*signals, error) {
	conn, err := dbus.ConnectSystemBus()
	if err != nil {
		return nil, fmt.Errorf("connect to the system bus: %w", err)
	}
	s := &signals{conn: conn, heard: make(chan *dbus.Signal, 1000)}
	conn.Signal(s.heard)
	for _, iface := range []string{"org.freedesktop.machine1.Manager", "org.freedesktop.systemd1.Manager"} {
		if err := conn.AddMatchSignal(dbus.WithMatchInterface(iface)); err != nil {
			return nil, err
		}
	}
	systemd := conn.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
	return s, systemd.Call("org.freedesktop.systemd1.Manager.Subscribe", 0).Err
}

// forget drops what was heard so far.
func (s *signals) forget() {
	for len(s.heard) > 0 {
		<-s.heard
	}
}

// announcement is a signal whose first argument is one of the subjects.
type announcement struct {
	signal   string
	subjects []string
}

func (a announcement) is(sig *dbus.Signal) bool {
	if sig.Name != a.signal || len(sig.Body) == 0 {
		return false
	}
	subject, _ := sig.Body[0].(string)
	return slices.Contains(a.subjects, subject)
}

// proofTime is how long after the end of a command its machine and its scope
// may still be there.
const proofTime = 20 * time.Second

// await returns when all of them were heard.
func (s *signals) await(ctx context.Context, all ...announcement) error {
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	missing := slices.Clone(all)
	for len(missing) > 0 {
		select {
		case sig := <-s.heard:
			missing = slices.DeleteFunc(missing, func(a announcement) bool { return a.is(sig) })
		case <-ctx.Done():
			return fmt.Errorf("never heard %v: %w", missing, ctx.Err())
		}
	}
	return nil
}

func (s *signals) close() error { return s.conn.Close() }
