// SPDX-License-Identifier: Apache-2.0

package systemd1

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
)

// ErrUnitBusy says that a unit of the wanted name is there and has processes.
var ErrUnitBusy = errors.New("unit is in use")

const (
	// settleStep is how often a vanishing unit is looked at, should its
	// UnitRemoved have been sent before we listened.
	settleStep = 5 * time.Millisecond
	// answerLimit is longer than systemd takes to answer, unless it hangs.
	answerLimit = 30 * time.Second
	// settleGrace is how long a scope may keep processes that are dying.
	settleGrace = 500 * time.Millisecond
)

// Property is one entry of an a(sv), as StartTransientUnit takes it.
type Property struct {
	Name  string
	Value dbus.Variant
}

// Prop makes a Property of a Go value of the fitting D-Bus type.
func Prop(name string, value any) Property {
	return Property{Name: name, Value: dbus.MakeVariant(value)}
}

// auxUnit is the last argument of StartTransientUnit; systemd wants it empty.
type auxUnit struct {
	Name  string
	Props []Property
}

// Scope is a transient scope unit that StartScope makes around processes that
// run already (systemd.scope(5)).
type Scope struct {
	Name        string // with its suffix ".scope"
	Description string
	Slice       string // "machine.slice" when empty
	PIDs        []int  // as the host sees them; they must live
	Before      []string
	KillMode    string // systemd's default ("control-group") when empty
	Extra       []Property
}

func (s Scope) properties() []Property {
	slice := s.Slice
	if slice == "" {
		slice = "machine.slice"
	}
	pids := make([]uint32, len(s.PIDs))
	for i, p := range s.PIDs {
		pids[i] = uint32(p)
	}
	props := []Property{
		Prop("Slice", slice),
		Prop("Description", s.Description),
		Prop("PIDs", pids),
		Prop("Delegate", true),
		Prop("CollectMode", "inactive-or-failed"),
		Prop("TasksMax", uint64(16384)),
	}
	if len(s.Before) > 0 {
		props = append(props, Prop("Before", s.Before))
	}
	if s.KillMode != "" {
		props = append(props, Prop("KillMode", s.KillMode))
	}
	return append(props, s.Extra...)
}

// StartScope makes a scope and waits for its start job. A scope of the same
// name that is on its way out is waited for, as long as ctx lasts; one that is
// alive gives ErrUnitBusy. A job that does not end well gives *JobError.
func (c *Conn) StartScope(ctx context.Context, s Scope) error {
	if err := c.startTransient(ctx, s.Name, s.properties()); err != nil {
		return fmt.Errorf("start scope %q: %w", s.Name, err)
	}
	return nil
}

// startTransient makes a unit as StartScope does.
func (c *Conn) startTransient(ctx context.Context, name string, props []Property) error {
	w, stop := c.watch(name)
	defer stop()
	for {
		job, err := c.askTransient(ctx, name, props)
		if err == nil {
			err = c.wait(ctx, w, name, job)
			if ctx.Err() != nil {
				// Called off: it may be started all the same, and if its processes die meanwhile, systemd sees no end of it.
				_ = c.EndUnit(context.WithoutCancel(ctx), name)
			}
			return err
		}
		if !isError(err, busName+".UnitExists") {
			return err
		}
		if err := c.settle(ctx, w, name); err != nil {
			return err
		}
	}
}

// askTransient asks for a unit and waits for the answer even if ctx has ended: whether there is one now must be known.
func (c *Conn) askTransient(ctx context.Context, name string, props []Property) (job dbus.ObjectPath, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerLimit)
	defer cancel()
	err = c.call(ctx, "StartTransientUnit", name, "fail", props, []auxUnit{}).Store(&job)
	return job, err
}

// settle waits until a unit that is going away is gone, or may be: the caller
// tries again and comes back if it was not.
func (c *Conn) settle(ctx context.Context, w *watch, name string) error {
	busySince := time.Now()
	for {
		load, state, err := c.loadAndActive(ctx, name)
		if err != nil {
			return err
		}
		if load == "not-found" {
			return nil
		}
		if state == "failed" {
			_ = c.ResetFailed(ctx, name)
		}
		if state == "active" && time.Since(busySince) > settleGrace {
			if c.hasProcesses(ctx, name) {
				return fmt.Errorf("%w: processes still run in it (see: systemctl status %s)", ErrUnitBusy, name)
			}
			// Its process was dying when it was started, so there is no end of it that systemd could notice.
			if err := c.EndUnit(ctx, name); err != nil {
				return err
			}
			busySince = time.Now()
		}
		select {
		case <-w.removed:
			return nil
		case <-time.After(settleStep):
		case <-ctx.Done():
			return fmt.Errorf("wait for the old unit to go away: %w", ctx.Err())
		}
	}
}

// hasProcesses tells whether any process is in the unit's cgroup.
func (c *Conn) hasProcesses(ctx context.Context, name string) bool {
	var procs []struct {
		Group string
		PID   uint32
		Cmd   string
	}
	err := c.call(ctx, "GetUnitProcesses", name).Store(&procs)
	return err == nil && len(procs) > 0
}
