// SPDX-License-Identifier: Apache-2.0

// Package session opens sessions in running machines: a login prompt or a
// program on a new terminal of the machine's, started by the machine's own
// systemd.
package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"machined-go/machine/inside"
	"machined-go/machine/systemd1"
)

// ErrNoBus says that the machine has no system bus to ask for a session.
var ErrNoBus = errors.New("machine has no system bus")

// Login starts a getty (container-getty@.service) on a new terminal, whose
// master the caller closes.
func Login(ctx context.Context, g *inside.Guest) (*inside.PTY, error) {
	return onTerminal(ctx, g, func(units *systemd1.Conn, pty *inside.PTY) error {
		// One from an earlier terminal of this number has lost that, and may have been started again too often.
		return units.QueueRestart(ctx, fmt.Sprintf("container-getty@%d.service", pty.Number))
	})
}

// Open starts the program as container-shell@N.service on a new terminal, whose
// master the caller closes.
func (s *Shell) Open(ctx context.Context, g *inside.Guest) (*inside.PTY, error) {
	return onTerminal(ctx, g, func(units *systemd1.Conn, pty *inside.PTY) error {
		slave, err := pty.Slave()
		if err != nil {
			return err
		}
		defer slave.Close()
		props := s.properties(pty, dbus.UnixFD(slave.Fd()))
		return units.QueueService(ctx, fmt.Sprintf("container-shell@%d.service", pty.Number), props)
	})
}

// onTerminal opens a terminal in the machine and lets the machine's systemd
// start something there.
func onTerminal(ctx context.Context, g *inside.Guest, start func(*systemd1.Conn, *inside.PTY) error) (*inside.PTY, error) {
	pty, err := g.OpenPTY()
	if err != nil {
		return nil, err
	}
	err = onBus(ctx, g, func(units *systemd1.Conn) error { return start(units, pty) })
	if err != nil {
		pty.Master.Close()
		return nil, err
	}
	return pty, nil
}

func onBus(ctx context.Context, g *inside.Guest, do func(*systemd1.Conn) error) error {
	conn, err := g.Bus(ctx)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("%w: %v", ErrNoBus, err)
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(systemd1.On(conn))
}
