// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// crowds are the numbers of machines that run at the same time.
var crowds = []int{1, 10, 30}

// calm is how long everybody may settle before memory is read.
const calm = 3 * time.Second

// crowd runs many machines as instances of one template unit.
type crowd struct {
	template string // %s is the machine
	daemon   string // process that keeps the list of machines
	revive   func(context.Context) error
}

// crowdContest measures what running machines cost the host. Each manager has
// its own daemon, started anew, since what one has grown by stays.
func crowdContest(_ context.Context, o options) (*contest, error) {
	if err := makeClones(o.image, crowds[len(crowds)-1]); err != nil {
		return nil, errors.Join(err, removeClones())
	}
	return &contest{
		name:    "crowd",
		figures: crowdFigures(),
		contenders: []contender{
			{name: ours, round: crowd{"contain@%s.service", "machined-go", reviveOurs}.round},
			{name: nspawn, round: crowd{"systemd-nspawn@%s.service", "systemd-machine", reviveStock}.round},
		},
		close: func() error { return errors.Join(reviveOurs(context.Background()), removeClones()) },
	}, nil
}

func reviveOurs(ctx context.Context) error {
	// Before systemd takes the two names for one unit; which of them it knows now is not ours to care.
	_ = systemctl(ctx, "stop", "systemd-machined.service")
	_ = systemctl(ctx, "stop", "machined-go.service")
	return errors.Join(
		systemctl(ctx, "enable", "--quiet", "machined-go.service"),
		systemctl(ctx, "restart", "machined-go.service"))
}

// reviveStock gives the names on the bus back to Debian's daemon. A unit of ours
// that systemd still has in memory keeps the name of the other's, which then
// fails to load until the next reload.
func reviveStock(ctx context.Context) error {
	err := systemctl(ctx, "disable", "--quiet", "--now", "machined-go.socket", "machined-go.service")
	if err != nil {
		return err
	}
	for range 3 {
		if err = systemctl(ctx, "daemon-reload"); err != nil {
			return err
		}
		if err = systemctl(ctx, "restart", "systemd-machined.service"); err == nil {
			return nil
		}
	}
	return err
}

func (c crowd) round(ctx context.Context) (sample, error) {
	if err := c.revive(ctx); err != nil {
		return nil, err
	}
	// One machine before the first look: what a daemon needs once is not a machine's cost.
	if err := errors.Join(c.start(ctx, 1), c.stop(1)); err != nil {
		return nil, err
	}
	before, err := lookAtRest(ctx)
	if err != nil {
		return nil, err
	}
	s := sample{}
	for _, n := range crowds {
		if err := c.measure(ctx, n, before, s); err != nil {
			return nil, fmt.Errorf("%d machines: %w", n, err)
		}
	}
	return s, nil
}

func (c crowd) measure(ctx context.Context, n int, before census, s sample) (err error) {
	defer func() { err = errors.Join(err, c.stop(n)) }()
	if err := c.start(ctx, n); err != nil {
		return err
	}
	after, err := lookAtRest(ctx)
	if err != nil {
		return err
	}
	if before.daemon(c.daemon) == 0 || after.daemon(c.daemon) == 0 {
		return fmt.Errorf("no process %q: the wrong daemon runs", c.daemon)
	}
	each := 1 / float64(n)
	supervisors := after.newcomers(before)
	s[keyOf("processes", n)] = float64(len(supervisors)) * each
	s[keyOf("supervisors", n)] = pssOf(supervisors) * each
	s[keyOf("daemon", n)] = (after.daemon(c.daemon) - before.daemon(c.daemon)) * each
	s[keyOf("kept", n)] = s[keyOf("supervisors", n)] + s[keyOf("daemon", n)]
	s[keyOf("all", n)] = (after.pss() - before.pss()) * each
	return nil
}

func lookAtRest(ctx context.Context) (census, error) {
	if err := execute(exec.CommandContext(ctx, "udevadm", "settle")); err != nil {
		return nil, err
	}
	select {
	case <-time.After(calm):
		return look()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// start starts the first n clones and returns when all say running.
func (c crowd) start(ctx context.Context, n int) error {
	units := c.units(n)
	if err := systemctl(ctx, append([]string{"start"}, units...)...); err != nil {
		return err
	}
	for i := range n {
		g, err := registeredGuest(cloneName(i))
		if err != nil {
			return err
		}
		_, err = g.awaitRunning(ctx)
		g.close()
		if err != nil {
			return fmt.Errorf("%s: %w", cloneName(i), err)
		}
	}
	return nil
}

func (c crowd) stop(n int) error {
	return systemctl(context.Background(), append([]string{"stop"}, c.units(n)...)...)
}

func (c crowd) units(n int) []string {
	units := make([]string, n)
	for i := range units {
		units[i] = fmt.Sprintf(c.template, cloneName(i))
	}
	return units
}

func cloneName(i int) string { return fmt.Sprintf("bench-%d", i+1) }

// makeClones copies a tree n times. Files in /usr are linked, which no guest
// writes to, for neither the disk nor the page cache matters here.
func makeClones(image string, n int) error {
	source := filepath.Join(machinesDir, image)
	for i := range n {
		progress("crowd: tree %d of %d", i+1, n)
		clone := filepath.Join(machinesDir, cloneName(i))
		script := `set -e; mkdir "$2"; cp -al "$1/usr" "$2/"
			find "$1" -mindepth 1 -maxdepth 1 ! -name usr -exec cp -a -t "$2" {} +; : >"$2/etc/machine-id"`
		if err := execute(exec.Command("sh", "-c", script, "sh", source, clone)); err != nil {
			return err
		}
	}
	return nil
}

func removeClones() error {
	clones, err := filepath.Glob(filepath.Join(machinesDir, "bench-*"))
	for _, clone := range clones {
		err = errors.Join(err, os.RemoveAll(clone))
	}
	return err
}
