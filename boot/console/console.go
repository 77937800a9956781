// SPDX-License-Identifier: Apache-2.0

// Package console makes the PTY behind a machine's /dev/console.
//
// The PTY is the host's, and only its slave's node is shown inside: so one console can stay attached while the machine, and
// with it every file system inside, goes away and comes back in a reboot.
package console

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Console is a PTY whose slave becomes a machine's /dev/console.
type Console struct {
	Master *os.File
	Slave  string // path on the host
}

// New makes a console.
func New() (*Console, error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/dev/ptmx", Err: err}
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("unlock console: %w", err)
	}
	return FromMaster(os.NewFile(uintptr(fd), "console"))
}

// FromMaster takes over the console of the last boot.
func FromMaster(master *os.File) (*Console, error) {
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, fmt.Errorf("find slave of console: %w", err)
	}
	return &Console{Master: master, Slave: "/dev/pts/" + strconv.Itoa(n)}, nil
}

// Own gives the slave to the machine's root (a host uid), with group tty of the machine.
func (c *Console) Own(owner uint32) error {
	const ttyGID = 5
	if err := os.Chown(c.Slave, int(owner), int(owner)+ttyGID); err != nil {
		return fmt.Errorf("give console to machine: %w", err)
	}
	return os.Chmod(c.Slave, 0o620)
}
