// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"github.com/godbus/dbus/v5"
)

// Event says that something about a unit changed; who gets it asks for the
// unit's state again. An empty Unit means any unit may have changed (systemd
// reloaded its configuration).
type Event struct {
	Unit    string
	Removed bool // systemd forgot the unit
}

// DeliverSignal implements dbus.SignalHandler.
func (c *Conn) DeliverSignal(_, _ string, s *dbus.Signal) { c.dispatch(s) }

func (c *Conn) dispatch(s *dbus.Signal) {
	c.Heard(s.Path, s.Name, func() ([]any, error) { return s.Body, nil })
}

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

// Heard hands a signal to who waits for it and to the follower. The name is
// INTERFACE.MEMBER; body decodes its arguments, if they are needed.
func (c *Conn) Heard(path dbus.ObjectPath, name string, body func() ([]any, error)) {
	var e Event
	switch name {
	case managerIf + ".JobRemoved":
		var id uint32
		var r jobResult
		if storeAll(body, &id, &r.job, &e.Unit, &r.result) != nil {
			return
		}
		c.tell(e.Unit, func(w *watch) {
			select {
			case w.jobs <- r:
			default:
			}
		})
	case managerIf + ".UnitRemoved":
		if storeAll(body, &e.Unit, &path) != nil {
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
		var begins bool
		if storeAll(body, &begins) != nil || begins {
			return
		}
	case propsIf + ".PropertiesChanged":
		name, ok := unitName(path)
		if !ok {
			return
		}
		e.Unit = name
	default:
		return
	}
	if c.onEvent != nil {
		c.onEvent(e)
	}
}

func storeAll(body func() ([]any, error), into ...any) error {
	values, err := body()
	if err != nil {
		return err
	}
	return dbus.Store(values, into...)
}

func (c *Conn) tell(unit string, f func(*watch)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.watches[unit] {
		f(w)
	}
}
