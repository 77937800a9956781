// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"context"
	"fmt"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Unit is what there is to know of a unit at one moment. Fields that its type
// of unit does not have are zero.
type Unit struct {
	Name           string
	LoadState      string // "loaded", "not-found", …
	ActiveState    string // "active", "activating", "deactivating", "inactive", "failed", …
	SubState       string
	InvocationID   []byte // 16 bytes, empty when it never ran
	ControlGroup   string // below the cgroup root, "" when there is none
	Result         string // "success", or why it failed
	StatusText     string // services: the last STATUS= it sent
	ExecMainStatus int32  // exit status, or signal number, of the main process
	ExecMainCode   int32  // CLD_EXITED (1), CLD_KILLED (2), CLD_DUMPED (3)
	MainPID        uint32
	NRestarts      uint32
}

// Unit asks for a unit's state. A unit that does not exist is no error: its
// LoadState is "not-found" and its ActiveState "inactive". The calls are sent
// together, so it costs about one round trip.
func (c *Conn) Unit(ctx context.Context, name string) (Unit, error) {
	u := Unit{Name: name}
	q := c.query(ctx, name)
	q.get(unitIf, "LoadState", &u.LoadState)
	q.get(unitIf, "ActiveState", &u.ActiveState)
	q.get(unitIf, "SubState", &u.SubState)
	q.get(unitIf, "InvocationID", &u.InvocationID)
	switch {
	case strings.HasSuffix(name, ".service"):
		const i = busName + ".Service"
		q.get(i, "ControlGroup", &u.ControlGroup)
		q.get(i, "Result", &u.Result)
		q.get(i, "StatusText", &u.StatusText)
		q.get(i, "ExecMainStatus", &u.ExecMainStatus)
		q.get(i, "ExecMainCode", &u.ExecMainCode)
		q.get(i, "MainPID", &u.MainPID)
		q.get(i, "NRestarts", &u.NRestarts)
	case strings.HasSuffix(name, ".scope"):
		const i = busName + ".Scope"
		q.get(i, "ControlGroup", &u.ControlGroup)
		q.get(i, "Result", &u.Result)
	}
	if err := q.wait(); err != nil {
		return Unit{}, fmt.Errorf("read state of unit %q: %w", name, err)
	}
	return u, nil
}

// State asks for less than Unit: LoadState, ActiveState, InvocationID and
// ControlGroup. Asking for a unit that is not loaded makes systemd load it, and
// tell everybody when it drops it again.
func (c *Conn) State(ctx context.Context, name string) (Unit, error) {
	u := Unit{Name: name}
	q := c.query(ctx, name)
	q.get(unitIf, "LoadState", &u.LoadState)
	q.get(unitIf, "ActiveState", &u.ActiveState)
	q.get(unitIf, "InvocationID", &u.InvocationID)
	switch {
	case strings.HasSuffix(name, ".service"):
		q.get(busName+".Service", "ControlGroup", &u.ControlGroup)
	case strings.HasSuffix(name, ".scope"):
		q.get(busName+".Scope", "ControlGroup", &u.ControlGroup)
	}
	if err := q.wait(); err != nil {
		return Unit{}, fmt.Errorf("read state of unit %q: %w", name, err)
	}
	return u, nil
}

// Active tells whether a unit is anything but inactive or failed.
func (u Unit) Active() bool {
	switch u.ActiveState {
	case "", "inactive", "failed":
		return false
	}
	return true
}

// loadAndActive is the cheap half of Unit.
func (c *Conn) loadAndActive(ctx context.Context, name string) (load, active string, err error) {
	q := c.query(ctx, name)
	q.get(unitIf, "LoadState", &load)
	q.get(unitIf, "ActiveState", &active)
	if err := q.wait(); err != nil {
		return "", "", fmt.Errorf("read state of unit %q: %w", name, err)
	}
	return load, active, nil
}

// query is a set of property reads that are under way together.
type query struct {
	conn  *Conn
	ctx   context.Context
	path  dbus.ObjectPath
	reads []read
}

// read is of one property.
type read struct {
	iface, name string
	into        any
	call        *dbus.Call
}

func (c *Conn) query(ctx context.Context, unit string) *query {
	return &query{conn: c, ctx: ctx, path: unitPath(unit)}
}

func (q *query) get(iface, prop string, into any) {
	q.reads = append(q.reads, read{iface: iface, name: prop, into: into})
}

// wait sends the reads, once there is room for all, and waits for the answers.
func (q *query) wait() error {
	room := int64(len(q.reads))
	if err := q.conn.calls.Acquire(q.ctx, room); err != nil {
		return err
	}
	defer q.conn.calls.Release(room)
	obj := q.conn.bus.Object(busName, q.path)
	for i := range q.reads {
		r := &q.reads[i]
		r.call = obj.GoWithContext(q.ctx, propsIf+".Get", 0, make(chan *dbus.Call, 1), r.iface, r.name)
	}
	var first error
	for _, r := range q.reads {
		<-r.call.Done
		var v dbus.Variant
		err := r.call.Store(&v)
		if err == nil {
			err = v.Store(r.into)
		}
		// It may be kept, and lies in a buffer of 4 KiB with other strings.
		if text, ok := r.into.(*string); ok {
			*text = strings.Clone(*text)
		}
		if err != nil && first == nil {
			first = err
		}
	}
	return first
}

// ResetFailed forgets that a unit failed. A unit that is not loaded is no error.
func (c *Conn) ResetFailed(ctx context.Context, unit string) error {
	err := c.call(ctx, "ResetFailedUnit", unit).Err
	if err != nil && !isError(err, busName+".NoSuchUnit") {
		return fmt.Errorf("reset failed unit %q: %w", unit, err)
	}
	return nil
}

// KillUnit sends a signal to processes of a unit. whom is "main", "control" or
// "all".
func (c *Conn) KillUnit(ctx context.Context, unit, whom string, signal int32) error {
	if err := c.call(ctx, "KillUnit", unit, whom, signal).Err; err != nil {
		return fmt.Errorf("kill unit %q: %w", unit, err)
	}
	return nil
}

// UnitByPID gives the unit that a process belongs to.
func (c *Conn) UnitByPID(ctx context.Context, pid int) (string, error) {
	var path dbus.ObjectPath
	if err := c.call(ctx, "GetUnitByPID", uint32(pid)).Store(&path); err != nil {
		return "", fmt.Errorf("find unit of process %d: %w", pid, err)
	}
	name, ok := unitName(path)
	if !ok {
		return "", fmt.Errorf("find unit of process %d: no unit path: %q", pid, path)
	}
	return name, nil
}

// EnableUnitFiles enables units, as systemctl enable does, and reloads
// systemd. It reports whether anything changed.
func (c *Conn) EnableUnitFiles(ctx context.Context, units ...string) (changed bool, err error) {
	var info bool
	var changes []unitFileChange
	if err := c.call(ctx, "EnableUnitFiles", units, false, false).Store(&info, &changes); err != nil {
		return false, fmt.Errorf("enable %q: %w", units, err)
	}
	return len(changes) > 0, c.Reload(ctx)
}

// DisableUnitFiles is the inverse of EnableUnitFiles.
func (c *Conn) DisableUnitFiles(ctx context.Context, units ...string) (changed bool, err error) {
	var changes []unitFileChange
	if err := c.call(ctx, "DisableUnitFiles", units, false).Store(&changes); err != nil {
		return false, fmt.Errorf("disable %q: %w", units, err)
	}
	return len(changes) > 0, c.Reload(ctx)
}

type unitFileChange struct{ Type, Link, Target string }

// Reload makes systemd read its unit files again and waits for it.
func (c *Conn) Reload(ctx context.Context) error {
	if err := c.call(ctx, "Reload").Err; err != nil {
		return fmt.Errorf("reload systemd: %w", err)
	}
	return nil
}

// Stopping tells whether the host shuts down.
func (c *Conn) Stopping(ctx context.Context) bool {
	var v dbus.Variant
	err := c.callFull(ctx, propsIf+".Get", managerIf, "SystemState").Store(&v)
	return err == nil && v.Value() == "stopping"
}

// FileState is whether a unit is enabled, in the words of systemctl(1)
// is-enabled.
func (c *Conn) FileState(ctx context.Context, unit string) (string, error) {
	var state string
	if err := c.call(ctx, "GetUnitFileState", unit).Store(&state); err != nil {
		return "", fmt.Errorf("ask whether unit %q is enabled: %w", unit, err)
	}
	return state, nil
}
