// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime/debug"
	"time"

	"machined-go/machine"
)

// calm is how long the list of machines must stand still before memory goes back.
const calm = time.Second

// trimmer gives memory back to the kernel once machines have come or gone: what it takes to serve a start is many times what
// must be kept for a running machine, and the run-time would hold on to it until it is needed again.
type trimmer struct{ due *time.Timer }

// newTrimmer also lets the collector run at a fifth of growth instead of at a doubling: the heap is small and starts are rare.
func newTrimmer() trimmer {
	const growth = 20 // percent
	debug.SetGCPercent(growth)
	return trimmer{time.AfterFunc(calm, debug.FreeOSMemory)}
}

// MachineNew implements machine.Observer.
func (t trimmer) MachineNew(machine.Machine) { t.due.Reset(calm) }

// MachineRemoved implements machine.Observer.
func (t trimmer) MachineRemoved(machine.Machine) { t.due.Reset(calm) }
