// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strconv"

	"machined-go/journal"
	"machined-go/machine"
)

// announcer writes machines that come and go into the journal, with the ids
// that systemd's catalog knows. It never makes the manager wait.
type announcer struct{ queue chan []journal.Field }

func newAnnouncer(ctx context.Context, w *journal.Writer) *announcer {
	a := &announcer{queue: make(chan []journal.Field, 4096)}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case fields := <-a.queue:
				_ = w.Notice(fields...) // nobody to tell: this was the log
			}
		}
	}()
	return a
}

// MachineNew implements machine.Observer.
func (a *announcer) MachineNew(m machine.Machine) {
	a.put(m, journal.MessageNew, "New machine "+m.Name+".")
}

// MachineRemoved implements machine.Observer.
func (a *announcer) MachineRemoved(m machine.Machine) {
	a.put(m, journal.MessageRemoved, "Machine "+m.Name+" terminated.")
}

func (a *announcer) put(m machine.Machine, id, text string) {
	fields := []journal.Field{
		{Name: "MESSAGE", Value: text}, {Name: "MESSAGE_ID", Value: id}, {Name: "PRIORITY", Value: "6"},
		{Name: "SYSLOG_IDENTIFIER", Value: "machined-go"}, {Name: "NAME", Value: m.Name}, {Name: "LEADER", Value: strconv.Itoa(m.Leader.PID)},
	}
	select {
	case a.queue <- fields:
	default:
	}
}
