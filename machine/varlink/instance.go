// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"slices"

	"machined-go/machine"
)

const instanceIf = "io.systemd.MachineInstance"

// Signals by which machinectl has a systemd power off and reboot, see
// systemd(1); the C library's SIGRTMIN is 34.
const (
	signalPoweroff = 34 + 4
	signalReboot   = 2 // SIGINT
)

// Words of a machine's state, and events of it, those of systemd-vmspawn.
const (
	statusRunning = "running"
	statusPaused  = "paused"
	eventReady    = "READY"
	eventPaused   = "STOP"
	eventResumed  = "RESUME"
	eventEnd      = "SHUTDOWN"
)

// instanceInterface is the table of io.systemd.MachineInstance (systemd 261),
// served for one machine at its control address. Since then machinectl asks
// there before it sends signals, and has no other way to pause.
func instanceInterface() *iface {
	return &iface{
		name: instanceIf,
		methods: []method{
			controlRow("Terminate", "terminate", func(c *call) error { return c.Manager.Terminate(c.ctx, c.machine.Name) }),
			controlRow("PowerOff", "power_off", func(c *call) error { return c.signal(signalPoweroff) }),
			controlRow("Reboot", "reboot", func(c *call) error { return c.signal(signalReboot) }),
			controlRow("Pause", "pause", func(c *call) error { return c.Manager.Pause(c.ctx, c.machine.Name) }),
			controlRow("Resume", "resume", func(c *call) error { return c.Manager.Resume(c.ctx, c.machine.Name) }),
			{name: "Describe", out: "running: bool, status: string", since: 261, machine: true, run: describeInstance},
			{name: "SubscribeEvents", in: "filter: ?[]string", out: "event: string, data: ?object", since: 261, machine: true, more: true, run: subscribe},
			storageRow("AddStorage", "fileDescriptorIndex: int, name: string, config: ?string"),
			storageRow("RemoveStorage", "name: string"),
			storageRow("ReplaceStorage", "fileDescriptorIndex: int, name: string"),
		},
		errors: []typedef{
			{name: "NotConnected"}, {name: "NotSupported"}, {name: "NoSuchStorage"}, {name: "StorageExists"},
			{name: "StorageImmutable"}, {name: "BadConfig"}, {name: "ConfigNotSupported"},
		},
	}
}

// controlRow makes a method that does something to the machine. machinectl does
// not say that its user may be asked, though it has an agent for him ready; so
// he is asked unless the caller says that he may not.
func controlRow(name, verb string, do func(*call) error) method {
	return method{name: name, in: interactive, since: 261, machine: true,
		guard: guard{action: machine.ActionMachines, verb: verb, owner: true, asks: true},
		run:   func(c *call) (object, error) { return nil, do(c) }}
}

// storageRow makes a method that containers do not have.
func storageRow(name string, in fields) method {
	return method{name: name, in: in, since: 261, run: func(*call) (object, error) { return nil, fail(instanceIf + ".NotSupported") }}
}

func (c *call) signal(number int32) error {
	return c.Manager.Kill(c.ctx, c.machine.Name, machine.KillLeader, number)
}

func describeInstance(c *call) (o object, err error) {
	paused := c.machine.Paused()
	status := statusRunning
	if paused {
		status = statusPaused
	}
	o.boolean("running", !paused)
	o.str("status", status)
	return o, nil
}

// subscribe tells of pauses until the caller has enough, or the machine ends,
// which is the last that it tells.
func subscribe(c *call) (object, error) {
	changed := make(chan struct{}, 1)
	stop, err := c.Manager.FollowPauses(c.machine, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, err
	}
	defer stop()
	gone := c.conn.gone()
	c.answered = true
	paused := c.machine.Paused()
	for next := eventReady; ; {
		if err := c.event(next, true); err != nil || next == eventEnd {
			return nil, err
		}
		next = ""
		select {
		case <-changed:
			if now := c.machine.Paused(); now != paused {
				paused, next = now, eventResumed
				if now {
					next = eventPaused
				}
			}
		case <-gone: // by his will, or because the machine ended
			if c.conn.of.ctx.Err() != nil {
				return nil, c.event(eventEnd, false)
			}
			return nil, nil
		}
	}
}

// event tells of an event that the caller wants to hear of; the first and the
// last are told to everybody.
func (c *call) event(name string, more bool) error {
	filter := c.strs("filter")
	always := name == eventReady || !more
	if name == "" || !always && len(filter) > 0 && !slices.Contains(filter, name) {
		return nil
	}
	var o object
	o.str("event", name)
	return c.raw(appendReply(nil, o, more))
}
