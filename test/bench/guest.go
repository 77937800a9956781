// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// guest is a running machine, known by its PID 1. Whatever started it, we
// enter it in the same way.
type guest struct {
	pid   int
	pidfd int
}

// registeredGuest finds a machine by the state file that every manager keeps.
func registeredGuest(machine string) (*guest, error) {
	text, err := os.ReadFile("/run/systemd/machines/" + machine)
	if err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(properties(text)["LEADER"])
	if err != nil {
		return nil, fmt.Errorf("find leader of %q: %w", machine, err)
	}
	return newGuest(pid)
}

func newGuest(pid int) (*guest, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	return &guest{pid, fd}, nil
}

func (g *guest) close() { unix.Close(g.pidfd) }

// command runs in the guest.
func (g *guest) command(ctx context.Context, argv ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append([]string{"--target", strconv.Itoa(g.pid), "--all", "--"}, argv...)...)
}

// bootTimes are what the guest's systemd wrote down of its own start.
type bootTimes struct {
	first    moment // main() of its PID 1
	finished moment
}

// awaitRunning returns when the guest says running. It looks rarely, not to
// take time from a guest that boots; the times are the guest's own.
func (g *guest) awaitRunning(ctx context.Context) (bootTimes, error) {
	var said []byte
	for {
		said, _ = g.command(ctx, "systemctl", "is-system-running").CombinedOutput()
		switch trimmed(said) {
		case "running":
			return g.times(ctx)
		case "degraded", "maintenance":
			return bootTimes{}, fmt.Errorf("guest says %q", trimmed(said))
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return bootTimes{}, fmt.Errorf("guest says %q: %w", trimmed(said), ctx.Err())
		}
	}
}

func (g *guest) times(ctx context.Context) (t bootTimes, err error) {
	text, err := g.command(ctx, "systemctl", "show",
		"--property=UserspaceTimestampMonotonic,FinishTimestampMonotonic").Output()
	if err != nil {
		return t, fmt.Errorf("read times of guest: %w", err)
	}
	values := properties(text)
	for key, at := range map[string]*moment{
		"UserspaceTimestampMonotonic": &t.first, "FinishTimestampMonotonic": &t.finished,
	} {
		us, err := strconv.ParseInt(values[key], 10, 64)
		if err != nil || us == 0 {
			return t, fmt.Errorf("read times of guest: %s=%q", key, values[key])
		}
		*at = moment(us * 1000)
	}
	return t, nil
}

// awaitEnd returns the moment at which the guest's PID 1 ended.
func (g *guest) awaitEnd(ctx context.Context) (moment, error) {
	for {
		fds := []unix.PollFd{{Fd: int32(g.pidfd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, 1000)
		switch {
		case n > 0:
			return now(), nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return 0, fmt.Errorf("wait for end of guest: %w", err)
		case ctx.Err() != nil:
			return 0, fmt.Errorf("wait for end of guest: %w", ctx.Err())
		}
	}
}
