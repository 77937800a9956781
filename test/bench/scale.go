// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/godbus/dbus/v5"
)

// scales are the numbers of machines that are registered at the same time.
var scales = []int{1, 100, 1000}

const (
	machine1     = "org.freedesktop.machine1"
	machine1Path = dbus.ObjectPath("/org/freedesktop/machine1")
	managerIface = machine1 + ".Manager."
)

// registry is a daemon that keeps the list of cheap machines.
type registry struct {
	*nursery
	process string // the daemon's name in the census
	revive  func(context.Context) error
}

// scaleContest asks daemons for what they know, with ever more machines. Those
// run all the time; each daemon in its turn is started anew and told of them.
func scaleContest(ctx context.Context, o options) (*contest, error) {
	n := scales[len(scales)-1]
	cheap, err := newNursery(ctx, filepath.Join(machinesDir, o.image), n)
	if err != nil {
		return nil, err
	}
	if err := raiseStock(); err != nil {
		return nil, errors.Join(err, cheap.end())
	}
	return &contest{
		name:    "scale",
		warmups: 1,
		figures: scaleFigures(),
		contenders: []contender{
			{name: ours, round: registry{cheap, "machined-go", reviveOurs}.round},
			{name: machined, round: registry{cheap, "systemd-machine", reviveStock}.round},
		},
		close: func() error {
			return errors.Join(cheap.end(), os.RemoveAll(stockDropIns), reviveOurs(context.Background()))
		},
	}, nil
}

const stockDropIns = "/run/systemd/system/systemd-machined.service.d"

// raiseStock lets stock's daemon open more files: that of systemd 262 has two for
// each machine, and ends at 503 machines by its own limit.
func raiseStock() error {
	if err := os.MkdirAll(stockDropIns, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(stockDropIns, "bench.conf"), []byte("[Service]\nLimitNOFILE=65536\n"), 0o644)
}

func (r registry) round(ctx context.Context) (s sample, err error) {
	if err := r.revive(ctx); err != nil {
		return nil, err
	}
	bus, err := dialBus()
	if err != nil {
		return nil, err
	}
	known := 0
	defer func() {
		for i := range known {
			err = errors.Join(err, r.unregister(bus, i))
		}
		err = errors.Join(err, bus.close())
	}()
	s = sample{}
	for _, n := range scales {
		for ; known < n; known++ {
			if err := r.register(bus, known); err != nil {
				return nil, fmt.Errorf("register machine %d: %w", known+1, err)
			}
		}
		if err := r.measure(ctx, bus, n, s); err != nil {
			return nil, fmt.Errorf("%d machines: %w", n, err)
		}
	}
	return s, r.memory(ctx, s)
}

func (r registry) register(bus *wire, i int) error {
	call, err := encodeCall(machine1, machine1Path, managerIface+"RegisterMachine",
		r.name(i), []byte{}, "bench", "container", uint32(r.pids[i]), "")
	if err == nil {
		_, err = bus.call(call)
	}
	return err
}

func (r registry) unregister(bus *wire, i int) error {
	call, err := encodeCall(machine1, machine1Path, managerIface+"UnregisterMachine", r.name(i))
	if err == nil {
		_, err = bus.call(call)
	}
	return err
}

// measure makes all calls, of the machine that came last.
func (r registry) measure(ctx context.Context, bus *wire, n int, s sample) error {
	for _, q := range r.questions(n) {
		us, err := q.time(bus)
		if err != nil {
			return fmt.Errorf("%s: %w", q.key, err)
		}
		s[keyOf(q.key, n)] = us
	}
	if err := r.measureVarlink(n, s); err != nil {
		return err
	}
	ms, err := timeList(ctx, n)
	s[keyOf("machinectl", n)] = ms
	return err
}

// memory is read after all calls, when everything has calmed down.
func (r registry) memory(ctx context.Context, s sample) error {
	all, err := lookAtRest(ctx)
	if err != nil {
		return err
	}
	kib := all.daemon(r.process)
	if kib == 0 {
		return fmt.Errorf("no process %q: the wrong daemon runs", r.process)
	}
	s["memory"] = kib / 1024
	return nil
}

// often is how many times in one round a call is made; the median counts.
const often = 25

// medianOf runs something often and gives the median in µs.
func medianOf(once func() error) (float64, error) {
	times := make([]float64, 0, often)
	for range often {
		called := now()
		if err := once(); err != nil {
			return 0, err
		}
		times = append(times, float64(time.Duration(now()-called).Nanoseconds())/1000)
	}
	return spreadOf(times).Median, nil
}
