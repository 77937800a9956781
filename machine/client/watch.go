// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"

	"github.com/godbus/dbus/v5"
)

// Event says that a machine came or went.
type Event struct {
	Name    string
	Path    dbus.ObjectPath
	Removed bool // false: it is new
}

// Watch follows machines as they come and go. Events closes when the
// connection is lost or the watch is closed. A machine that goes while no
// manager runs may go unannounced: whoever waits also looks at its unit.
type Watch struct {
	Events <-chan Event

	client *Client
	raw    chan *dbus.Signal
	done   chan struct{}
}

// Watch starts to follow all machines, or only the one named if name is not
// empty. The match is in place when it returns, so nothing that a later call
// causes is missed.
func (c *Client) Watch(ctx context.Context, name string) (*Watch, error) {
	events := make(chan Event, 16)
	w := &Watch{
		Events: events,
		client: c,
		raw:    make(chan *dbus.Signal, 64),
		done:   make(chan struct{}),
	}
	c.bus.Signal(w.raw)
	if err := c.listen(ctx); err != nil {
		c.bus.RemoveSignal(w.raw)
		return nil, failed("watch machines", name, err)
	}
	go w.pump(events, name)
	return w, nil
}

// Close ends the watch.
func (w *Watch) Close() {
	select {
	case <-w.done:
		return
	default:
		close(w.done)
	}
	w.client.bus.RemoveSignal(w.raw)
	w.client.unlisten()
}

// machineSignals matches what tells of machines. All watches share it, for a
// connection may have so many rules only (dbus-daemon(1),
// max_match_rules_per_connection: 512).
func machineSignals() []dbus.MatchOption {
	return []dbus.MatchOption{
		dbus.WithMatchSender(machine1Name),
		dbus.WithMatchObjectPath(machine1Path),
		dbus.WithMatchInterface(machine1Manager),
	}
}

// listen has the bus send what tells of machines, if it does not yet.
func (c *Client) listen(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watches == 0 {
		if err := c.bus.AddMatchSignalContext(ctx, machineSignals()...); err != nil {
			return err
		}
	}
	c.watches++
	return nil
}

// unlisten is for each watch that ends.
func (c *Client) unlisten() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watches--; c.watches == 0 {
		// The connection may be lost already, and the bus forgets matches with it.
		_ = c.bus.RemoveMatchSignal(machineSignals()...)
	}
}

func (w *Watch) pump(events chan<- Event, name string) {
	defer close(events)
	for {
		select {
		case <-w.done:
			return
		case signal, ok := <-w.raw:
			if !ok {
				return
			}
			event, ok := eventOf(signal)
			if !ok || name != "" && event.Name != name {
				continue
			}
			select {
			case events <- event:
			case <-w.done:
				return
			}
		}
	}
}

func eventOf(signal *dbus.Signal) (Event, bool) {
	var e Event
	switch signal.Name {
	case machine1Manager + ".MachineNew":
	case machine1Manager + ".MachineRemoved":
		e.Removed = true
	default:
		return e, false
	}
	err := dbus.Store(signal.Body, &e.Name, &e.Path)
	return e, err == nil
}
