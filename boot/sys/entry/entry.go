// SPDX-License-Identifier: Apache-2.0

// Package entry makes a short program faster that imports it: it is where the
// program begins. It has the kernel map the program and its variables before
// anything runs, and the start of its heap as soon as there is one, in four
// calls (MADV_POPULATE_READ and _WRITE of madvise(2), Linux 5.14), which spares
// most of the faults by which that would come about page by page. And it has
// timers be coarse, so that the run-time's watcher, which sleeps for 20 µs at a
// time while anything runs, wakes up ten times less.
//
// A fault costs 0.5 µs on the bare machine, and 15 µs in a virtual one whose
// hypervisor keeps page tables of its own, or 80 where a page of variables that
// was read is written to; a page in such a call costs 0.1 to 3 µs. A program of
// 9 MiB that runs for 20 ms has some 600 faults, of which 350 go.
//
// It needs the linker: -E machined-go/boot/sys/entry.enter makes that the entry
// of the program, which goes on to the run-time's. Without it only the heap is
// mapped.
package entry

import (
	"syscall"
	"unsafe"
)

// Advice that package syscall has no names for.
const (
	populateRead  = 22
	populateWrite = 23
)

// What prctl(2) does with timers, and how many nanoseconds later they may ring here.
const (
	setTimerSlack = 29
	getTimerSlack = 30
	coarse        = 1_000_000
)

const (
	// heap is how much of the heap a short program comes to use.
	heap = 5 << 18
	// chunk is by how much the run-time lets the heap grow, each at a multiple of it.
	chunk = 4 << 20
	// span is the size of an object that shares its part of the heap with none.
	span = 8 << 10
)

// enter is where the program begins.
func enter()

var _ = enter // which nobody calls

// slack is how late timers could ring before, in nanoseconds.
var slack uintptr

// kept keeps what lies in the heap where it begins to be mapped: first is at the end of what the heap holds already, and rest is what
// is left of a chunk before that, untouched.
var kept struct {
	first *[span]byte
	rest  []byte
}

// That a kernel does not know the advice does no harm.
func init() {
	kept.first = new([span]byte)
	if left := chunk - start()%chunk; left < heap {
		kept.rest = make([]byte, left-span)
		kept.first = new([span]byte)
	}
	_, _, _ = syscall.RawSyscall(syscall.SYS_MADVISE, start(), heap, populateWrite)
}

// start is where the heap begins to be mapped.
func start() uintptr { return uintptr(unsafe.Pointer(kept.first)) }

// TimerSlack is what the program was started with and other programs that it executes should have, as an argument of prctl(2); 0, which
// there stands for what the thread began with, if it was left alone.
func TimerSlack() uintptr { return slack }

// Restore gives the calling thread the timer slack that the program was started with. What is executed from it has that too.
func Restore() {
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, slack, 0)
}
