// SPDX-License-Identifier: Apache-2.0

// Package handover passes a running machine from its starter to the service manager (sd_notify(3), sd_pid_notify_with_fds(3)).
//
// After it nothing of ours is left: systemd watches the machine's PID 1 as the service's main process, and keeps in its file
// descriptor store what must live as long as the machine, or from one boot of it to the next.
package handover

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Manager is the service manager that started this process.
type Manager struct {
	socket string // path, or abstract name after "@"; empty when there is none
}

// FromEnv finds the service manager by $NOTIFY_SOCKET, and takes the variable away.
func FromEnv() Manager {
	m := Manager{socket: os.Getenv("NOTIFY_SOCKET")}
	_ = os.Unsetenv("NOTIFY_SOCKET")
	return m
}

// Environ is where FromEnv finds the manager.
func (m Manager) Environ() []string {
	if m.socket == "" {
		return nil
	}
	return []string{"NOTIFY_SOCKET=" + m.socket}
}

// Present tells whether there is a service manager that wants to be told something.
func (m Manager) Present() bool { return m.socket != "" }

// Store puts files into the service's store under a name. They are kept until the service has ended for good; without polling,
// for a PTY master of which no slave is open counts as hung up and would be thrown out in the very moment it is kept for.
func (m Manager) Store(name string, files ...*os.File) error {
	if len(files) == 0 {
		return nil
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	return m.send("FDSTORE=1\nFDNAME="+name+"\nFDPOLL=0", unix.UnixRights(fds...))
}

// Stored returns the files that the last boot of the machine stored, by name (sd_listen_fds_with_names(3)).
func Stored() map[string][]*os.File {
	const first = 3 // SD_LISTEN_FDS_START
	stored := map[string][]*os.File{}
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return stored
	}
	count, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	for i := range min(count, len(names)) {
		unix.CloseOnExec(first + i)
		stored[names[i]] = append(stored[names[i]], os.NewFile(uintptr(first+i), names[i]))
	}
	return stored
}

// MainProcess makes process pid the service's main process.
func (m Manager) MainProcess(pid int) error {
	return m.send("MAINPID="+strconv.Itoa(pid), nil)
}

// Barrier waits until all that was sent before it has been processed (sd_notify_barrier(3), systemd 246).
func (m Manager) Barrier() error {
	if m.socket == "" {
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("notify service manager: %w", err)
	}
	defer r.Close()
	err = m.send("BARRIER=1", unix.UnixRights(int(w.Fd())))
	w.Close()
	if err != nil {
		return err
	}
	if err := r.SetReadDeadline(time.Now().Add(barrierLimit)); err != nil {
		return err
	}
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		return fmt.Errorf("wait for service manager to be told: %w", err)
	}
	return nil
}

// barrierLimit is longer than a service manager takes to read a message, unless it hangs.
const barrierLimit = 30 * time.Second

// Ready says that the service has started.
func (m Manager) Ready(status string) error {
	return m.send("READY=1\nSTATUS="+status, nil)
}

// Status says in one line what goes on, or what went wrong: the line outlives the process in the unit's StatusText.
func (m Manager) Status(status string) error {
	return m.send("STATUS="+strings.ReplaceAll(status, "\n", " "), nil)
}

// Wait says that the start takes at least d longer, and why (EXTEND_TIMEOUT_USEC=).
func (m Manager) Wait(status string, d time.Duration) error {
	return m.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d\nSTATUS=%s", d.Microseconds(), status), nil)
}

func (m Manager) send(message string, rights []byte) error {
	if m.socket == "" {
		return nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		err = unix.Sendmsg(fd, []byte(message), rights, &unix.SockaddrUnix{Name: m.socket}, unix.MSG_NOSIGNAL)
	}
	if err != nil {
		return fmt.Errorf("notify service manager: %w", err)
	}
	return nil
}
