// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// pidfsMagic is the file system type of pidfds since Linux 6.9. Before that all
// pidfds share one inode, which identifies nothing.
const pidfsMagic = 0x50494446

// Process is one process, held by a pidfd: it stays the same process even when
// its number is used again. The zero pidfd is never kept; what cannot be held
// is not opened.
type Process struct {
	PID       int
	ID        uint64 // inode of its pidfd, unique until reboot; 0 on Linux before 6.9
	StartTime uint64 // clock ticks after boot, /proc/PID/stat field 22
	Init      bool   // PID 1 of a PID namespace: when it dies the kernel has killed all others in there (pid_namespaces(7))
	fd        int
	cleanup   runtime.Cleanup
}

// OpenProcess takes hold of a process by its number.
func OpenProcess(pid int) (*Process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	return newProcess(pid, fd)
}

// ProcessOfPIDFD takes hold of the process behind a pidfd of somebody else's,
// which stays theirs.
func ProcessOfPIDFD(pidfd int) (*Process, error) {
	pid, err := pidOf(pidfd)
	if err != nil {
		return nil, err
	}
	fd, err := unix.FcntlInt(uintptr(pidfd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("duplicate pidfd of process %d: %w", pid, err)
	}
	return newProcess(pid, fd)
}

func newProcess(pid, fd int) (*Process, error) {
	p := &Process{PID: pid, ID: pidfdID(fd), Init: isInit(fd), fd: fd}
	p.cleanup = runtime.AddCleanup(p, func(fd int) { _ = unix.Close(fd) }, fd)
	start, err := startTime(pid)
	if err != nil && p.Alive() {
		p.Close()
		return nil, err
	}
	p.StartTime = start
	return p, nil
}

// Close lets go of the process at once; whoever does not call it leaves that to
// the garbage collector. Nobody else may use p any more.
func (p *Process) Close() {
	if p.fd >= 0 {
		p.cleanup.Stop()
		_ = unix.Close(p.fd)
		p.fd = -1
	}
}

// pidOf reads the number of a pidfd's process.
func pidOf(pidfd int) (int, error) {
	value, err := fdinfo(pidfd, "Pid:")
	if err != nil {
		return 0, fmt.Errorf("read process of pidfd: %w", err)
	}
	pid, err := strconv.Atoi(string(value))
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("read process of pidfd: %w", unix.ESRCH)
	}
	return pid, nil
}

// isInit tells from the process' numbers, our namespace's first and its own last, whether it is the first in its own.
func isInit(pidfd int) bool {
	numbers, err := fdinfo(pidfd, "NSpid:")
	return err == nil && bytes.HasSuffix(numbers, []byte("\t1"))
}

// fdinfo reads a field of a pidfd from /proc/self/fdinfo (proc(5)).
func fdinfo(pidfd int, field string) ([]byte, error) {
	b, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(pidfd))
	if err != nil {
		return nil, err
	}
	if value, ok := fdField(b, field); ok {
		return value, nil
	}
	return nil, unix.EBADF
}

// fdField is what follows a field's name, colon included, on its line.
func fdField(text []byte, field string) (value []byte, ok bool) {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(field)); ok {
			return bytes.TrimSpace(rest), true
		}
	}
	return nil, false
}

func pidfdID(fd int) uint64 {
	var fs unix.Statfs_t
	var st unix.Stat_t
	if unix.Fstatfs(fd, &fs) != nil || fs.Type != pidfsMagic || unix.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Ino
}

// startTime reads field 22 of /proc/PID/stat.
func startTime(pid int) (uint64, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, fmt.Errorf("read start time of process %d: %w", pid, err)
	}
	ticks, err := strconv.ParseUint(statField(b, 22), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read start time of process %d: %w", pid, unix.EINVAL)
	}
	return ticks, nil
}

// statField is field n, 3 or more, of the text of /proc/PID/stat as proc(5)
// numbers them; "" if there is none. They are counted behind the command name,
// which may hold anything, ")" too.
func statField(text []byte, n int) string {
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if n -= 3; n >= len(fields) {
		return ""
	}
	return string(fields[n])
}

// Alive tells whether the process runs; one that is dead but not yet waited for
// does not.
func (p *Process) Alive() bool {
	if p.fd < 0 {
		return p.PID == 1
	}
	fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err == unix.EINTR {
			continue
		}
		runtime.KeepAlive(p)
		return err == nil && n == 0
	}
}

// Signal sends a signal to the process.
func (p *Process) Signal(sig unix.Signal) error {
	defer runtime.KeepAlive(p)
	if p.fd < 0 {
		return fmt.Errorf("signal process %d: %w", p.PID, unix.ESRCH)
	}
	if err := unix.PidfdSendSignal(p.fd, sig, nil, 0); err != nil {
		return fmt.Errorf("signal process %d: %w", p.PID, err)
	}
	return nil
}

// FD is the pidfd. It is valid as long as the Process is reachable.
func (p *Process) FD() int { return p.fd }

// same tells whether p is the process that was noted down with these marks, of
// which those that are zero are unknown. ok is false if there was no mark.
func (p *Process) same(id, start uint64) (same, ok bool) {
	switch {
	case id != 0 && p.ID != 0:
		return id == p.ID, true
	case start != 0:
		return start == p.StartTime, true
	}
	return false, false
}

// Owner is the user that the process runs as, as the host sees it; -1 if it
// cannot be told.
func (p *Process) Owner() int64 {
	var st unix.Stat_t
	if unix.Stat("/proc/"+strconv.Itoa(p.PID), &st) != nil || !p.Alive() {
		return -1
	}
	return int64(st.Uid)
}

// UsersOwner is the user who made the user namespace that the process is in; -1
// if it cannot be told.
func (p *Process) UsersOwner() int64 {
	fd, err := sys.UsersOf(p.PID)
	if err != nil {
		return -1
	}
	defer unix.Close(fd)
	uid, err := sys.UsersOwner(fd)
	if err != nil || !p.Alive() {
		return -1
	}
	return int64(uid)
}
