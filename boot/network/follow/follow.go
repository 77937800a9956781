// SPDX-License-Identifier: Apache-2.0

// Package follow looks after the networks of running machines, as far as they need somebody to: it leads ports of the host to
// whatever address a machine has, and undoes at a machine's end what the kernel does not.
//
// It keeps nothing of its own. What is to be done is in the machines' notes, which who starts a machine leaves behind; so it may end
// at any moment and begin anew.
package follow

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/boot/network"
	"machined-go/boot/network/nat"
	"machined-go/boot/sys"
)

const (
	// calm lies between two rounds: a machine must not keep us busy by changing its addresses.
	calm = 50 * time.Millisecond
	// retry is after how long what failed is tried again.
	retry = time.Second
)

// Follower follows machines.
type Follower struct {
	host  network.Host
	write func([]nat.Rule) error
	log   *slog.Logger

	poller   *sys.Poller
	machines map[string]*machine
	rules    []nat.Rule // that are written
	written  bool
	wake     chan struct{}
}

// New makes a follower; write makes rules the only ones.
func New(host network.Host, write func([]nat.Rule) error, log *slog.Logger) (*Follower, error) {
	poller, err := sys.NewPoller()
	if err != nil {
		return nil, err
	}
	return &Follower{
		host: host, write: write, log: log, poller: poller, machines: map[string]*machine{}, wake: make(chan struct{}, 1),
	}, nil
}

// Run follows machines until ctx ends, or until there has been none for so long.
func (f *Follower) Run(ctx context.Context, idle time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := f.watchNotes(); err != nil {
		return err
	}
	go func() { _ = f.poller.Run(ctx) }()
	defer func() {
		for _, m := range f.machines {
			m.close()
		}
	}()
	f.tell()
	bored := time.NewTimer(idle)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-bored.C:
			return nil
		case <-f.wake:
		}
		left, ok := f.round()
		if !ok {
			time.AfterFunc(retry, f.tell)
		}
		bored.Reset(idle)
		if left {
			bored.Stop()
		}
		time.Sleep(calm)
	}
}

// tell asks for another round.
func (f *Follower) tell() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// watchNotes asks for a round whenever a note is written, unlocked or removed.
func (f *Follower) watchNotes() error {
	if err := os.MkdirAll(f.host.Notes, 0o755); err != nil {
		return fmt.Errorf("watch notes: %w", err)
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err == nil {
		_, err = unix.InotifyAddWatch(fd, f.host.Notes, unix.IN_CLOSE_WRITE|unix.IN_DELETE|unix.IN_MOVED_TO|unix.IN_ONLYDIR)
	}
	if err != nil {
		return fmt.Errorf("watch notes in %s: %w", f.host.Notes, err)
	}
	buf := make([]byte, 4096)
	return f.poller.Add(fd, func() {
		for {
			if _, err := unix.Read(fd, buf); err != nil && err != unix.EINTR {
				break
			}
		}
		f.tell()
	})
}

// round does what is to be done. It tells whether there are machines to follow, and whether all went well.
func (f *Follower) round() (left, ok bool) {
	ok = true
	note := func(err error, machine string) {
		if err != nil {
			ok = false
			f.log.Warn("network of machine is not as it should be", "machine", machine, "error", err)
		}
	}
	names, err := os.ReadDir(f.host.Notes)
	note(err, "")
	for _, n := range names {
		left = true
		note(f.see(n), n.Name())
	}
	for name, m := range f.machines {
		gone := !slices.ContainsFunc(names, func(n fs.DirEntry) bool { return n.Name() == name })
		switch {
		case m.over():
			f.drop(name)
			note(f.host.End(m.record), name)
		case gone:
			f.drop(name)
		default:
			note(m.look(), name)
		}
	}
	note(f.lead(), "")
	return left, ok
}

// stamp tells one writing of a note from another.
type stamp struct {
	size    int64
	changed time.Time
}

// see takes up a note that is new.
func (f *Follower) see(n fs.DirEntry) error {
	name := n.Name()
	info, err := n.Info()
	if err != nil {
		return nil // gone meanwhile
	}
	old, noted := f.machines[name], stamp{info.Size(), info.ModTime()}
	if old != nil && old.noted == noted {
		return nil
	}
	record, err := f.host.Settled(name)
	switch {
	case errors.Is(err, sys.ErrLocked) || errors.Is(err, fs.ErrNotExist):
		return nil // who holds it closes or removes it, and we hear of that
	case err != nil:
		return f.host.End(network.Record{Machine: name})
	}
	if old != nil {
		f.drop(name)
	}
	m, err := take(record)
	if errors.Is(err, errOver) {
		return f.host.End(record)
	}
	if err != nil {
		return err
	}
	m.noted = noted
	return f.follow(m)
}

func (f *Follower) follow(m *machine) error {
	if err := f.poller.Add(m.pidfd, f.tell); err != nil {
		m.close()
		return err
	}
	f.machines[m.record.Machine] = m
	if m.ns != nil {
		go func() {
			m.listen(f.tell)
			m.ns.Close()
		}()
	}
	f.log.Info("following network of machine", "machine", m.record.Machine, "ports", len(m.record.Ports))
	return nil
}

func (f *Follower) drop(name string) {
	m := f.machines[name]
	f.poller.Remove(m.pidfd)
	m.close()
	delete(f.machines, name)
}

// lead writes the rules if they are others than before.
func (f *Follower) lead() error {
	var rules []nat.Rule
	for _, name := range slices.Sorted(maps.Keys(f.machines)) {
		rules = append(rules, f.machines[name].rules()...)
	}
	if f.written && slices.Equal(rules, f.rules) {
		return nil
	}
	if err := f.write(rules); err != nil {
		return err
	}
	f.rules, f.written = rules, true
	return nil
}
