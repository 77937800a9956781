// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"machined-go/machine"
)

// calm is how long the list of machines must stand still before memory goes back.
const calm = time.Second

// leisure is how many bytes may be allocated during calm without a need to give memory back once more.
const leisure = 64 << 10

// maxProcs is how many threads run Go code at once. Each has caches of its own for memory, some 0.5 MiB once they are used: on a
// large host those would be most of what the daemon needs. One more than is enough, so that the bus is heard while a file is read.
const maxProcs = 2

// trimmer gives memory back to the kernel once machines have come or gone: what it takes to serve a start is many times what
// must be kept for a running machine, and the run-time would hold on to it until it is needed again.
type trimmer struct{ due *time.Timer }

// newTrimmer also lets the collector run at a fifth of growth instead of at a doubling: the heap is small and starts are rare.
func newTrimmer() trimmer {
	const growth = 20 // percent
	debug.SetGCPercent(growth)
	if runtime.GOMAXPROCS(0) > maxProcs {
		runtime.GOMAXPROCS(maxProcs)
	}
	t := trimmer{time.NewTimer(calm)}
	go t.run()
	return t
}

// run gives back until nothing more happens: a machine that boots has a lot to say after it was registered.
func (t trimmer) run() {
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	for before := uint64(0); ; {
		<-t.due.C
		debug.FreeOSMemory()
		metrics.Read(allocated)
		if now := allocated[0].Value.Uint64(); now-before > leisure {
			t.due.Reset(calm)
			before = now
		}
	}
}

// MachineNew implements machine.Observer.
func (t trimmer) MachineNew(machine.Machine) { t.due.Reset(calm) }

// MachineRemoved implements machine.Observer.
func (t trimmer) MachineRemoved(machine.Machine) { t.due.Reset(calm) }
