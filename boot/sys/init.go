// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stubName is what ps(1) calls the init, as it does that of systemd-nspawn, for what is run inside may know it by that name.
const stubName = "(sd-stubinit)"

// stubPatience is how long a command may take to end, in seconds, as systemd has it (DEFAULT_TIMEOUT_USEC).
const stubPatience = 90

// Signals that ask an init for something (systemd(1), "SIGNALS"; SIGRTMIN is 34 for every C library).
const (
	sigHalt, sigPowerOff, sigReboot, sigKexec = 34 + 3, 34 + 4, 34 + 5, 34 + 6
	immediately                               = 10 // from an order to end to the one to end at once
)

// stub is what an init that a child of ours becomes works with; the kernel fills most of it.
type stub struct {
	all      uint64 // a set of all signals
	none     uint64
	status   uint32
	patience [4]int64 // struct itimerval
	command  uintptr  // its process
	started  bool     // whether this is that process
	end      uintptr  // how it is to end, a command of reboot(2), or 0
}

// Init appends the step at which the child, which is PID 1, divides: it becomes a minimal init itself, and its child goes on with the
// steps that follow. The init has no descriptors, and what it inherited from us to be seen in /proc/1/cmdline is gone. It
//
//   - reaps what ends, and ends as the command did: with its exit status, or with 128 and the number of the signal;
//   - on SIGRTMIN+3, +4, +13 and +14 asks the command to end by SIGTERM, SIGCONT and SIGHUP, waits 90 seconds, and powers the
//     machine off; on SIGINT and SIGRTMIN+5, +6, +15 and +16 does the same, and reboots it (as nspawn's stub init);
//   - passes every other signal on to the command.
//
// It stays what it was forked from, with no run-time in it, so nobody whom the kernel does not let trace it can see more of that.
func (p *Program) Init() error {
	start, size, err := ownWords()
	if err != nil {
		return fmt.Errorf("find own command line: %w", err)
	}
	s := &stub{all: ^uint64(0), patience: [4]int64{2: stubPatience}}
	name := p.Path(stubName)
	zero := p.Fetch("open /dev/zero", unix.SYS_OPENAT, CWD, p.Path("/dev/zero"), unix.O_RDONLY|unix.O_CLOEXEC)
	p.CallOn(zero, "forget the command line", unix.SYS_READ, start, size)
	p.ops[len(p.ops)-1].least = size
	p.Call("hide from others", unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0)
	p.Call("block signals", unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, Pointer(p, &s.all), 0, setSize)
	divide := op{nr: unix.SYS_CLONE3, most: anyResult, divide: s, tolerate: true, name: name, words: start}
	second := asSecond(p)
	p.add("start the command as process 2", divide, []uintptr{Pointer(p, second), unsafe.Sizeof(*second)})
	divide.nr, divide.tolerate = unix.SYS_CLONE, false
	p.add("start the command", divide, []uintptr{uintptr(unix.SIGCHLD)})
	p.Call("start a session", unix.SYS_SETSID)
	p.Call("unblock signals", unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, Pointer(p, &s.none), 0, setSize)
	return nil
}

// asSecond asks for a child whose number is 2, which is free: who mounted /proc had it. That takes CAP_SYS_ADMIN.
func asSecond(p *Program) *cloneArgs {
	number := int32(2)
	return &cloneArgs{exitSignal: uint64(unix.SIGCHLD), setTID: uint64(Pointer(p, &number)), setTIDSize: 1}
}

// setSize is that of a set of signals, in bytes.
const setSize = 8

// ownWords tells where in our memory the command line and the environment are that /proc shows, and how long they are.
func ownWords() (start, size uintptr, err error) {
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0, 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	const argStart, envEnd = 48 - 3, 51 - 3 // proc_pid_stat(5) counts from 1, and two fields are cut off
	if len(fields) <= envEnd {
		return 0, 0, errors.New("/proc/self/stat is too short")
	}
	var end uintptr
	if _, err := fmt.Sscan(fields[argStart]+" "+fields[envEnd], &start, &end); err != nil {
		return 0, 0, err
	}
	const nameSize = 16 // TASK_COMM_LEN, what is written there
	if end < start || end-start < nameSize {
		return 0, 0, fmt.Errorf("/proc/self/stat has it from %d to %d", start, end)
	}
	return start, end - start, nil
}

// serve is what the init does; it never returns.
//
//go:nosplit
//go:norace
func (s *stub) serve(name, words uintptr) {
	syscall.RawSyscall(unix.SYS_CLOSE_RANGE, 0, ^uintptr(0)>>32, 0)
	syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_NAME, name, 0)
	syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_NAME, words, 0)
	for {
		child, _, errno := syscall.RawSyscall6(unix.SYS_WAIT4, ^uintptr(0), uintptr(unsafe.Pointer(&s.status)), unix.WNOHANG, 0, 0, 0)
		if errno != 0 || child == s.command {
			s.leave()
		}
		if child != 0 {
			continue
		}
		signal, _, errno := syscall.RawSyscall6(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&s.all)), 0, 0, setSize, 0, 0)
		if errno == 0 {
			s.heed(signal)
		} else if errno != unix.EINTR {
			s.leave()
		}
	}
}

// heed does what a signal asks for.
//
//go:nosplit
//go:norace
func (s *stub) heed(signal uintptr) {
	end := uintptr(0)
	switch signal {
	case sigHalt, sigPowerOff, sigHalt + immediately, sigPowerOff + immediately:
		end = unix.LINUX_REBOOT_CMD_POWER_OFF
	case sigReboot, sigKexec, sigReboot + immediately, sigKexec + immediately, uintptr(unix.SIGINT):
		end = unix.LINUX_REBOOT_CMD_RESTART
	case uintptr(unix.SIGCHLD):
		return
	case uintptr(unix.SIGALRM):
		if s.end != 0 {
			s.leave()
		}
	}
	if end == 0 {
		syscall.RawSyscall(unix.SYS_KILL, s.command, signal, 0)
		return
	}
	if s.end != 0 {
		return
	}
	s.end = end
	// In this order, for shells heed only the last, and services take that one for something else.
	syscall.RawSyscall(unix.SYS_KILL, s.command, uintptr(unix.SIGTERM), 0)
	syscall.RawSyscall(unix.SYS_KILL, s.command, uintptr(unix.SIGCONT), 0)
	syscall.RawSyscall(unix.SYS_KILL, s.command, uintptr(unix.SIGHUP), 0)
	syscall.RawSyscall(unix.SYS_SETITIMER, unix.ITIMER_REAL, uintptr(unsafe.Pointer(&s.patience)), 0)
}

// leave ends the init, and so the machine: the kernel kills what else runs.
//
//go:nosplit
//go:norace
func (s *stub) leave() {
	if s.end != 0 {
		syscall.RawSyscall6(unix.SYS_REBOOT, unix.LINUX_REBOOT_MAGIC1, unix.LINUX_REBOOT_MAGIC2, s.end, 0, 0, 0)
	}
	status := uintptr(s.status >> 8 & 0xff)
	if signal := s.status & 0x7f; signal != 0 {
		status = 128 + uintptr(signal)
	}
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, status, 0, 0)
	}
}
