// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Borrow has the child use the memory of its parent until it executes, instead of a copy: copying even the tables of it, and then each
// page that the parent goes on to write, costs more than most programs. Nobody may be in the child's namespaces who could look into
// it, for that would be to look into the parent. A program with an [Program.Init] cannot, for that stays; and what the kernel keeps
// for memory, as whether it may be dumped and how soon it is given up in need, is changed for both.
func (p *Program) Borrow() { p.borrows = true }

// loan is what a child that borrows memory uses of it.
type loan struct {
	stack   [4 << 10]byte // at the beginning, where it is aligned; what the child calls is all nosplit, some hundred bytes
	orders  *orders
	program *Program
	pidfd   *int32
}

// cloneArgs is struct clone_args of Linux 5.5 (clone(2)).
type cloneArgs struct {
	flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls, setTID, setTIDSize uint64
}

// clearSighand is CLONE_CLEAR_SIGHAND (Linux 5.5): no signal is handled in the child as the run-time would.
const clearSighand = 0x100000000

// fork starts the child on its stack, all signals blocked.
//
//go:norace
//go:noinline
func (l *loan) fork(flags uintptr) (int, unix.Errno) {
	args := &cloneArgs{
		flags: uint64(flags) | unix.CLONE_VM | unix.CLONE_PIDFD | clearSighand, pidfd: uint64(uintptr(unsafe.Pointer(l.pidfd))),
		exitSignal: uint64(unix.SIGCHLD), stack: uint64(uintptr(unsafe.Pointer(&l.stack))), stackSize: uint64(len(l.stack)),
	}
	if flags&unix.CLONE_PARENT != 0 {
		args.exitSignal = 0 // it is the parent's
	}
	syscall.ForkLock.Lock()
	beforeFork()
	result := spawn(args, unsafe.Sizeof(*args), l.orders)
	afterFork()
	syscall.ForkLock.Unlock()
	if int(result) < 0 {
		return 0, unix.Errno(-result)
	}
	return int(result), 0
}

// spawn is clone3(2) of a child that goes on in follow; it gives what the kernel does.
func spawn(args *cloneArgs, size uintptr, o *orders) (result uintptr)

// follow is where a child of spawn begins.
//
//go:nosplit
//go:norace
func follow(o *orders) { o.carryOut() }

// Once has a child carry out p, and waits for that. The child borrows the memory of its parent, whose thread stands still meanwhile
// (vfork(2)), so nothing is copied however large the parent is. It may neither wait for anything that the parent is to do nor execute.
func Once(p *Program) error {
	var r report
	pid, errno := borrow(p.ops, &r)
	runtime.KeepAlive(p)
	if errno != 0 {
		return &StepError{Step: "clone child", Errno: errno}
	}
	if _, err := (&Child{PID: pid}).Wait(); err != nil {
		return err
	}
	if r.errno != 0 {
		return &StepError{Step: p.names[r.step], Errno: unix.Errno(r.errno)}
	}
	return nil
}

// borrow is like fork. Its child leaves alone what the parent goes on with: no signal is handled in it, all are blocked.
//
//go:norace
//go:noinline
func borrow(ops []op, r *report) (int, unix.Errno) {
	syscall.ForkLock.Lock()
	beforeFork()
	result := vfork(unix.CLONE_VM | unix.CLONE_VFORK | uintptr(unix.SIGCHLD))
	if result == 0 {
		*r = walk(ops)
		for {
			syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
		}
	}
	afterFork()
	syscall.ForkLock.Unlock()
	if int(result) < 0 {
		return 0, unix.Errno(-result)
	}
	return int(result), 0
}

// vfork is clone(2) with these flags, for a child on its parent's stack; it gives what the kernel does.
func vfork(flags uintptr) (result uintptr)
