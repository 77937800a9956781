// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"context"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// Event says that something about a unit changed; who gets it asks for the
// unit's state again. An empty Unit means any unit may have changed (systemd
// reloaded its configuration).
type Event struct {
	Unit    string
	Removed bool // systemd forgot the unit
}

// Follow calls fn for each change of any unit, until the connection ends. It
// uses one match rule for all units. fn runs on the connection's own goroutine:
// it must not block and must not call systemd. Only one function can follow.
func (c *Conn) Follow(ctx context.Context, fn func(Event)) error {
	c.mu.Lock()
	c.onEvent = fn
	c.mu.Unlock()
	if c.peer {
		return nil
	}
	err := c.bus.AddMatchSignalContext(ctx, dbus.WithMatchSender(busName),
		dbus.WithMatchInterface(propsIf), dbus.WithMatchMember("PropertiesChanged"),
		dbus.WithMatchPathNamespace("/org/freedesktop/systemd1/unit"),
		dbus.WithMatchArg(0, unitIf))
	if err != nil {
		return fmt.Errorf("match changes of units: %v", err)
	}
	return nil
}

// DeliverSignal implements dbus.SignalHandler.
func (c *Conn) DeliverSignal(_, _ string, s *dbus.Signal) { c.dispatch(s) }

// watch collects what happens to one unit while somebody waits for it.
type watch struct {
	jobs    chan jobResult
	removed chan struct{}
}

type jobResult struct {
	job    dbus.ObjectPath
	result string
}

// watch begins to collect for a unit. It must be called before the call whose
// effect is awaited, as the signal may overtake the reply's reader.
func (c *Conn) watch(unit string) (w *watch, stop func()) {
	w = &watch{jobs: make(chan jobResult, 16), removed: make(chan struct{}, 1)}
	c.mu.Lock()
	c.watches[unit] = append(c.watches[unit], w)
	c.mu.Unlock()
	return w, func() { c.unwatch(unit, w) }
}

func (c *Conn) unwatch(unit string, w *watch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.watches[unit]
	for i, o := range list {
		if o == w {
			list = append(list[:i:i], list[i+1:]...)
			break
		}
	}
	if len(list) == 0 {
		delete(c.watches, unit)
		return
	}
	c.watches[unit] = list
}

// dispatch hands a signal to who waits for it and to the follower.
func (c *Conn) dispatch(s *dbus.Signal) {
	var e Event
	switch s.Name {
	case managerIf + ".JobRemoved":
		var id uint32
		var r jobResult
		if dbus.Store(s.Body, &id, &r.job, &e.Unit, &r.result) != nil {
			return
		}
		c.tell(e.Unit, func(w *watch) {
			select {
			case w.jobs <- r:
			default:
			}
		})
	case managerIf + ".UnitRemoved":
		var path dbus.ObjectPath
		if dbus.Store(s.Body, &e.Unit, &path) != nil {
			return
		}
		e.Removed = true
		c.tell(e.Unit, func(w *watch) {
			select {
			case w.removed <- struct{}{}:
			default:
			}
		})
	case managerIf + ".Reloading":
		if len(s.Body) != 1 || s.Body[0] != false {
			return
		}
	case propsIf + ".PropertiesChanged":
		name, ok := unitName(s.Path)
		if !ok {
			return
		}
		e.Unit = name
	default:
		return
	}
	c.mu.Lock()
	fn := c.onEvent
	c.mu.Unlock()
	if fn != nil {
		fn(e)
	}
}

func (c *Conn) tell(unit string, f func(*watch)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.watches[unit] {
		f(w)
	}
}
