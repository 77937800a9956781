// SPDX-License-Identifier: Apache-2.0

// Package inside looks into running machines: their files, addresses and
// terminals, and the services of their own systemd.
//
// What is inside belongs to somebody who may want to hurt the host. Files are
// opened below the machine's root and nowhere else, are never waited for and
// never read without a bound; and that the process looked at is still the
// machine's is checked after its things were opened, not only before.
package inside

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Errors that callers act on.
var (
	ErrNoPrivateNetwork = errors.New("machine has no network of its own")
	ErrNoShift          = errors.New("user ids of the machine are not simply shifted")
	ErrNoOSRelease      = errors.New("machine has no os-release file")
)

// Guest is a machine that runs. The zero pid is the host.
type Guest struct {
	pid   int
	pidfd int // the caller's, who keeps it open
	root  *os.File
}

// Host is the host itself.
func Host() *Guest {
	root, err := os.Open("/")
	if err != nil {
		return &Guest{}
	}
	return &Guest{root: root}
}

// Open enters the machine whose PID 1 is pid, held by pidfd, which the caller
// keeps open for longer than the guest. Close it.
func Open(pid, pidfd int) (*Guest, error) {
	fd, err := unix.Open(procPath(pid, "root"), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open root of process %d: %w", pid, missing(err))
	}
	g := &Guest{pid: pid, pidfd: pidfd, root: os.NewFile(uintptr(fd), "/")}
	if err := g.alive(); err != nil {
		g.Close()
		return nil, fmt.Errorf("open root of process %d: %w", pid, err)
	}
	return g, nil
}

// Close lets go of the machine.
func (g *Guest) Close() {
	if g.root != nil {
		g.root.Close()
	}
}

// Root is a directory descriptor of the machine's "/", good for openat(2): it
// crosses the machine's mounts, as journalctl -M needs. The caller closes it.
func (g *Guest) Root() (*os.File, error) {
	fd, err := unix.Openat(int(g.root.Fd()), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open root directory: %w", err)
	}
	return os.NewFile(uintptr(fd), "/"), nil
}

// open opens a path of the machine.
func (g *Guest) open(path string, flags uint64) (*os.File, error) {
	fd, err := sys.OpenIn(int(g.root.Fd()), path, flags)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

func (g *Guest) isHost() bool { return g.pid == 0 }

func procPath(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

// alive fails with ESRCH if the machine's PID 1 is dead: only as long as it
// lives, its number is its own. It is asked after something was opened by that
// number.
func (g *Guest) alive() error {
	fds := []unix.PollFd{{Fd: int32(g.pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	if err == nil && n > 0 {
		return unix.ESRCH
	}
	return nil
}

// missing turns "no such file" below /proc into "no such process".
func missing(err error) error {
	if err == unix.ENOENT {
		return unix.ESRCH
	}
	return err
}
