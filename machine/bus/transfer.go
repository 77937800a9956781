// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/machine"
	"machined-go/machine/inside"
	"machined-go/machine/tree"
)

// copyReplace is the only flag of CopyFromWithFlags and CopyToWithFlags:
// MACHINE_COPY_REPLACE.
const copyReplace = 1 << 0

// direction of a copy.
type direction func(*inside.Guest, *call, string, string, inside.CopyOptions) error

func copyOut(g *inside.Guest, c *call, from, to string, o inside.CopyOptions) error {
	return g.CopyOut(c.ctx, from, to, o)
}

func copyIn(g *inside.Guest, c *call, from, to string, o inside.CopyOptions) error {
	return g.CopyIn(c.ctx, from, to, o)
}

// pathArgs are the source and the destination of a copy or bind, which is the
// source's path if it is empty.
func (c *call) pathArgs() (source, dest string) {
	source, dest = c.str(0), c.str(1)
	if dest == "" {
		dest = source
	}
	return source, dest
}

// transfer makes the methods of one direction; flags tells whether the last
// argument is such.
func transfer(way direction, flags bool) func(*call) ([]any, error) {
	return func(c *call) ([]any, error) {
		var f uint64
		if flags {
			f = c.u64(2)
		}
		return none(c.transfer(way, f, nil))
	}
}

// checkTransfer is done before anybody is asked for authorization.
func checkTransfer(c *call) error {
	source, dest := c.pathArgs()
	switch {
	case c.machine.Class != machine.ClassContainer:
		return failf(errBus+"NotSupported", "Copying files is only supported on container machines.")
	case len(c.args) > 2 && c.u64(2)&^copyReplace != 0:
		return failf(errBus+"InvalidArgs", "Unknown copy flags.")
	case !filepath.IsAbs(source):
		return failf(errBus+"InvalidArgs", "Source path must be absolute.")
	case !filepath.IsAbs(dest):
		return failf(errBus+"InvalidArgs", "Destination path must be absolute.")
	}
	return nil
}

func (c *call) transfer(way direction, flags uint64, told func(tree.Progress)) error {
	g, err := c.guest()
	if err != nil {
		return err
	}
	defer g.Close()
	source, dest := c.pathArgs()
	return way(g, c, source, dest, inside.CopyOptions{Replace: flags&copyReplace != 0, Told: told})
}

// srcDestDetails is what polkit is told of a copy or bind.
func srcDestDetails(c *call) map[string]string {
	source, dest := c.pathArgs()
	return map[string]string{"src": validText(source), "dest": validText(dest)}
}

func checkBind(c *call) error {
	source, dest := c.pathArgs()
	switch {
	case c.machine.Class != machine.ClassContainer:
		return failf(errBus+"NotSupported", "Bind mounting is only supported on container machines.")
	case !filepath.IsAbs(source) || filepath.Clean(source) != source:
		return failf(errBus+"InvalidArgs", "Source path must be absolute and normalized.")
	case !filepath.IsAbs(dest) || filepath.Clean(dest) != dest:
		return failf(errBus+"InvalidArgs", "Destination path must be absolute and normalized.")
	}
	return nil
}

func bindMount(c *call) ([]any, error) {
	g, err := c.guest()
	if err != nil {
		return nil, err
	}
	defer g.Close()
	source, dest := c.pathArgs()
	return none(g.Bind(inside.Bind{Source: source, Dest: dest, ReadOnly: c.bool(2), Mkdir: c.bool(3)}))
}

// reportEvery bounds how often somebody is told how far a copy is.
const reportEvery = 100 * time.Millisecond

// ownTransfer is a copy whose progress is written to a descriptor of the
// caller's, a line "FILES BYTES" each time, at last all that was copied. When
// nobody reads there any more the copy ends: whoever interrupts the caller
// interrupts it.
func ownTransfer(way direction) func(*call) ([]any, error) {
	return func(c *call) ([]any, error) {
		progress, err := c.dupFile(c.args[4], "progress")
		if err != nil {
			return nil, err
		}
		defer progress.Close()
		flags := c.u64(3)
		if err := c.machineByName(c.str(0)); err != nil {
			return nil, err
		}
		c.args = []any{c.args[1], c.args[2], flags}
		if err := checkTransfer(c); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithCancelCause(c.ctx)
		defer cancel(nil)
		c.ctx = ctx
		var now tree.Progress
		var last time.Time
		err = c.transfer(way, flags, func(p tree.Progress) {
			if now = p; time.Since(last) < reportEvery {
				return
			}
			last = time.Now()
			if err := report(int(progress.Fd()), p); err != nil {
				cancel(err)
			}
		})
		if err != nil {
			return nil, err
		}
		_ = report(int(progress.Fd()), now) // who has left by now needs it no more
		return nil, nil
	}
}

// report writes a line, unless the reader is slow: then it misses that one.
func report(fd int, p tree.Progress) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	if _, err := unix.Poll(fds, 0); err != nil {
		return nil
	}
	switch events := fds[0].Revents; {
	case events&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0:
		return unix.EPIPE
	case events&unix.POLLOUT != 0:
		_, err := unix.Write(fd, fmt.Appendf(nil, "%d %d\n", p.Files, p.Bytes))
		return err
	}
	return nil
}

func unbind(c *call) ([]any, error) {
	if err := c.machineByName(c.str(0)); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(c.str(1)) || filepath.Clean(c.str(1)) != c.str(1) {
		return nil, failf(errBus+"InvalidArgs", "Path must be absolute and normalized.")
	}
	if c.machine.Class != machine.ClassContainer {
		return nil, failf(errBus+"NotSupported", "Bind mounts are only supported on container machines.")
	}
	g, err := c.guest()
	if err != nil {
		return nil, err
	}
	defer g.Close()
	return none(g.Unbind(c.str(1)))
}
