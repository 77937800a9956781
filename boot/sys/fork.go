// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CWD is AT_FDCWD, -100, as an argument of [Program.Call].
const CWD = ^uintptr(99)

// Program is a list of system calls that a forked child carries out one after the other, ending in [Program.Exec].
//
// A Go process can neither fork and go on running Go code, nor join a user namespace, for it has threads. The usual way out, to
// execute oneself again, costs 3 to 5 ms of run-time start-up and page faults, several times what the container set-up itself
// takes. So everything that must happen *inside* the new process is reduced to plain system calls with arguments prepared
// beforehand; the child walks the list with no run-time, no allocation and no stack growth, as syscall.forkExec's own child does.
//
// The first failing call ends the child; [Child.Running] then tells which step it was.
type Program struct {
	ops   []op
	names []string
	keep  []any // what the arguments point to: the collector does not see through the uintptrs

	lingers bool
	linger  uintptr
	borrows bool
}

// anyResult is the most that any call can give.
const anyResult = ^uintptr(0)

type op struct {
	nr       uintptr
	args     [6]uintptr
	least    uintptr // results from here to most count as success
	most     uintptr
	tolerate bool
	result   *uintptr // where what the call gives is kept
	fetched  *uintptr // what takes the place of the first argument

	divide      *stub // where the child becomes an init, if what the call gives is not 0
	name, words uintptr
}

// Call appends one system call; name is what an error will say, args are numbers or pointers from [Program.Bytes] and its like.
func (p *Program) Call(name string, nr uintptr, args ...uintptr) *Program {
	return p.add(name, op{nr: nr, most: anyResult}, args)
}

// Try appends a call whose failure does not matter.
func (p *Program) Try(name string, nr uintptr, args ...uintptr) *Program {
	return p.add(name, op{nr: nr, most: anyResult, tolerate: true}, args)
}

// Fetch appends a call whose result, a file descriptor say, becomes the first argument of those that [Program.CallOn] appends.
func (p *Program) Fetch(name string, nr uintptr, args ...uintptr) *uintptr {
	result := new(uintptr)
	p.keep = append(p.keep, result)
	p.add(name, op{nr: nr, most: anyResult, result: result}, args)
	return result
}

// CallOn is Call with a first argument that is known only once the child has come to it.
func (p *Program) CallOn(fetched *uintptr, name string, nr uintptr, args ...uintptr) *Program {
	return p.add(name, op{nr: nr, most: anyResult, fetched: fetched}, append([]uintptr{0}, args...))
}

func (p *Program) add(name string, o op, args []uintptr) *Program {
	copy(o.args[:], args)
	p.ops = append(p.ops, o)
	p.names = append(p.names, name)
	return p
}

// Await makes the child block until one byte can be read from fd; at end of file it exits, so that a child never outlives a
// parent that died before it gave the word.
func (p *Program) Await(name string, fd uintptr) *Program {
	buf := make([]byte, 1)
	p.keep = append(p.keep, buf)
	return p.add(name, op{nr: unix.SYS_READ, least: 1, most: 1}, []uintptr{fd, uintptr(unsafe.Pointer(&buf[0])), 1})
}

// Receive makes the child read size bytes, which come in one piece, from fd to where to points; fewer are a failure.
func (p *Program) Receive(name string, fd uintptr, to unsafe.Pointer, size uintptr) *Program {
	p.keep = append(p.keep, to)
	return p.add(name, op{nr: unix.SYS_READ, least: size, most: size}, []uintptr{fd, uintptr(to), size})
}

// Attended makes the child exit if nobody holds the writing end of the pipe fd any more, which read does not tell while there is
// a byte to read.
func (p *Program) Attended(name string, fd uintptr) *Program {
	hungUp := Pointer(p, &unix.PollFd{Fd: int32(fd)})
	return p.add(name, op{nr: unix.SYS_PPOLL, most: 0}, []uintptr{hungUp, 1, Pointer(p, &unix.Timespec{})})
}

// Linger makes a child in which a step failed, once it has reported that, wait until it is killed or fd is at its end, instead of
// exiting at once: for its parent may have to do something first.
func (p *Program) Linger(fd uintptr) { p.lingers, p.linger = true, fd }

// Exec appends the final execve. argv and env must not be empty; more are addresses of further variables, which the child may yet
// be going to fill.
func (p *Program) Exec(path string, argv, env []string, more ...uintptr) *Program {
	return p.Call("execute "+path, unix.SYS_EXECVE, p.Path(path), p.strings(argv), p.strings(env, more...))
}

// ExecFirst is Exec of the first of several paths that is there; they must not be none. The step is called name.
func (p *Program) ExecFirst(name string, paths, argv, env []string) *Program {
	args, vars := p.strings(argv), p.strings(env)
	last := len(paths) - 1
	for _, path := range paths[:last] {
		p.Try(name, unix.SYS_EXECVE, p.Path(path), args, vars)
	}
	return p.Call(name, unix.SYS_EXECVE, p.Path(paths[last]), args, vars)
}

// Path keeps a NUL-terminated copy of s for the child and returns its address.
func (p *Program) Path(s string) uintptr {
	b := append([]byte(s), 0)
	return p.Bytes(b)
}

// Bytes keeps b for the child and returns the address of its first byte; nil for an empty b.
func (p *Program) Bytes(b []byte) uintptr {
	if len(b) == 0 {
		return 0
	}
	p.keep = append(p.keep, b)
	return uintptr(unsafe.Pointer(&b[0]))
}

// Pointer keeps what ptr points to for the child and returns its address.
func Pointer[T any](p *Program, ptr *T) uintptr {
	p.keep = append(p.keep, ptr)
	return uintptr(unsafe.Pointer(ptr))
}

func (p *Program) strings(list []string, more ...uintptr) uintptr {
	ptrs := make([]uintptr, 0, len(list)+1)
	for _, s := range list {
		ptrs = append(ptrs, p.Path(s))
	}
	ptrs = append(append(ptrs, more...), 0)
	p.keep = append(p.keep, ptrs)
	return uintptr(unsafe.Pointer(&ptrs[0]))
}

// Child is a forked process that walks a [Program]. Until it has ended or run its last step, whoever forked it holds on to it.
type Child struct {
	PID    int
	PIDFD  *os.File
	report *os.File
	names  []string
	loan   *loan // what it uses of our memory, nil if nothing
}

// StepError tells which step of a [Program] failed in the child.
type StepError struct {
	Step  string
	Errno unix.Errno
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %v", e.Step, e.Errno) }

// Unwrap gives the errno.
func (e *StepError) Unwrap() error { return e.Errno }

// report is what a failing child writes before it exits.
type report struct {
	step  int32
	errno int32
}

// Fork starts a child with the given clone(2) flags (namespaces; SIGCHLD and CLONE_PIDFD are added) that carries out p.
// The child has a copy of the calling thread's namespaces, root and working directory, so callers that changed these lock the
// thread first. No descriptor but those below keepFDs (usually 3: stdio) survives the child's exec.
func Fork(flags uintptr, keepFDs uintptr, p *Program) (*Child, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make report pipe: %w", err)
	}
	o := &orders{ops: p.ops, report: uintptr(fds[1]), read: uintptr(fds[0]), linger: noFD, keep: keepFDs}
	if p.lingers {
		o.linger = p.linger
	}
	c := &Child{names: p.names}
	pidfd := int32(-1)
	var errno unix.Errno
	if p.borrows {
		c.loan = &loan{orders: o, program: p, pidfd: &pidfd}
		c.PID, errno = c.loan.fork(flags)
	}
	if !p.borrows || errno == unix.ENOSYS || errno == unix.EPERM {
		c.loan = nil
		c.PID, errno = fork(flags|unix.CLONE_PIDFD|uintptr(unix.SIGCHLD), &pidfd, o)
	}
	runtime.KeepAlive(p)
	_ = unix.Close(fds[1])
	if errno != 0 {
		_ = unix.Close(fds[0])
		return nil, &StepError{Step: "clone child with namespaces", Errno: errno}
	}
	c.PIDFD, c.report = os.NewFile(uintptr(pidfd), "pidfd"), os.NewFile(uintptr(fds[0]), "report")
	return c, nil
}

// Running blocks until the child has executed its last step (nil) or failed in one (a *StepError). It may be called once.
func (c *Child) Running() error {
	defer runtime.KeepAlive(c.loan)
	defer c.report.Close()
	if err := awaitInput(c.report); err != nil {
		return fmt.Errorf("wait for report of child: %w", err)
	}
	var r report
	buf := unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r))
	_, err := io.ReadFull(c.report, buf)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("read report of child: %w", err)
	}
	return &StepError{Step: c.names[r.step], Errno: unix.Errno(r.errno)}
}

// awaitInput returns when f can be read, is at its end, or is closed.
//
// It looks again now and again: on Linux 6.18 a reader was seen asleep for good on a pipe whose last writer had gone in an exec.
func awaitInput(f *os.File) error {
	const again = 50 // ms
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var pollErr error
	err = conn.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for n := 0; n == 0 || pollErr == unix.EINTR; {
			n, pollErr = unix.Poll(fds, again)
		}
	})
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return errors.Join(err, pollErr)
}

// Wait reaps the child and returns how it ended.
func (c *Child) Wait() (unix.WaitStatus, error) {
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(c.PID, &ws, 0, nil)
		if err == nil {
			return ws, nil
		}
		if err != unix.EINTR {
			return ws, fmt.Errorf("wait for child %d: %w", c.PID, err)
		}
	}
}

// Kill sends SIGKILL through the pidfd, so that it can never hit another process of the same number.
func (c *Child) Kill() {
	_ = unix.PidfdSendSignal(int(c.PIDFD.Fd()), unix.SIGKILL, nil, 0)
}

// AwaitExit returns when the child has ended, without reaping it, or when its descriptor was closed, which comes after that.
func (c *Child) AwaitExit() error { return awaitInput(c.PIDFD) }

// The run-time's own hooks around fork, which its linker leaves open for sandboxes that fork as syscall.forkExec does.
//
//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

//go:linkname afterForkInChild syscall.runtime_AfterForkInChild
func afterForkInChild()

// noFD stands for no file descriptor.
const noFD = ^uintptr(0)

// fork is nosplit and norace because between beforeFork and the child's exec nothing of the run-time may be entered.
//
//go:norace
//go:noinline
func fork(flags uintptr, pidfd *int32, o *orders) (int, unix.Errno) {
	syscall.ForkLock.Lock()
	beforeFork()
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, flags, 0, uintptr(unsafe.Pointer(pidfd)), 0, 0, 0)
	if errno != 0 || pid != 0 {
		afterFork()
		syscall.ForkLock.Unlock()
		return int(pid), errno
	}
	afterForkInChild()
	o.carryOut()
	return 0, 0
}

// orders are what a child of fork does, in the kernel's terms.
type orders struct {
	ops                        []op
	report, read, linger, keep uintptr // descriptors, as Fork and [Program.Linger] have them
}

// carryOut runs in a child of fork and never returns.
//
//go:nosplit
//go:norace
func (o *orders) carryOut() {
	syscall.RawSyscall(unix.SYS_CLOSE, o.read, 0, 0)
	r := report{}
	_, _, errno := syscall.RawSyscall(unix.SYS_CLOSE_RANGE, o.keep, ^uintptr(0)>>32, unix.CLOSE_RANGE_CLOEXEC)
	if r.errno = int32(errno); errno == 0 {
		r = walk(o.ops)
	}
	if r.errno != 0 {
		syscall.RawSyscall(unix.SYS_WRITE, o.report, uintptr(unsafe.Pointer(&r)), unsafe.Sizeof(r))
	}
	if r.errno != 0 && o.linger != noFD {
		syscall.RawSyscall(unix.SYS_READ, o.linger, uintptr(unsafe.Pointer(&r)), 1)
	}
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 127, 0, 0)
	}
}

// walk makes the calls, up to the first that fails.
//
//go:nosplit
//go:norace
func walk(ops []op) (r report) {
	for i := range ops {
		o := &ops[i]
		if o.fetched != nil {
			o.args[0] = *o.fetched
		}
		if o.divide != nil && o.divide.started {
			continue
		}
		n, _, errno := syscall.RawSyscall6(o.nr, o.args[0], o.args[1], o.args[2], o.args[3], o.args[4], o.args[5])
		if o.result != nil {
			*o.result = n
		}
		if o.divide != nil && errno == 0 {
			if n != 0 {
				o.divide.command = n
				o.divide.serve(o.name, o.words)
			}
			o.divide.started = true
		}
		if errno == 0 && (n < o.least || n > o.most) {
			errno = unix.ECANCELED
		}
		if errno != 0 && !o.tolerate {
			return report{int32(i), int32(errno)}
		}
	}
	return report{}
}
