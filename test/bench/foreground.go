// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// runForeground boots a machine without a unit, as crun is called, so that the
// two can be compared; no reboot, no poweroff.
func runForeground(ctx context.Context, image string, argv ...string) (s sample, err error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	called := now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
	}()
	g, err := awaitRegistered(ctx, image)
	if err != nil {
		return nil, err
	}
	defer g.close()
	s = sample{}
	return s, g.boots(ctx, called, s)
}

func awaitRegistered(ctx context.Context, machine string) (*guest, error) {
	for {
		g, err := registeredGuest(machine)
		if err == nil {
			return g, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		}
	}
}

// boot is a round of crun. It knows no reboot, and its container's end is
// nobody's to wait for.
func (b *bundle) boot(ctx context.Context) (s sample, err error) {
	argv := b.detach()
	called := now()
	if err := execute(exec.CommandContext(ctx, argv[0], argv[1:]...)); err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, execute(exec.Command("crun", "--systemd-cgroup", "delete", "--force", b.name())))
	}()
	g, err := b.guest()
	if err != nil {
		return nil, err
	}
	defer g.close()
	s = sample{}
	return s, g.boots(ctx, called, s)
}

func (b *bundle) guest() (*guest, error) {
	text, err := os.ReadFile(b.pidFile())
	if err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(trimmed(text))
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", b.pidFile(), err)
	}
	return newGuest(pid)
}
