// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/machine"
)

// ControlDir is where each machine of ours has its socket, by its name.
const ControlDir = "/run/machined-go/control"

// Poll calls a function when a descriptor has something to read;
// boot/sys.Poller does.
type Poll interface {
	Add(fd int, ready func()) error
	Remove(fd int)
	Again(fd int)
}

// Controls listens for machines of ours, each at a socket of its own, so that
// what is said there needs no name. There may be a thousand of them: no
// goroutine waits at any. It implements machine.Control.
type Controls struct {
	server *Server
	poll   Poll
	dir    string

	mu   sync.Mutex
	open map[string]*controlSocket // by the machine's name
}

// controlSocket is one of the sockets.
type controlSocket struct {
	machine string
	since   uint64 // when it was registered: another one may have its name later
	path    string
	fd      int
	ctx     context.Context // ends with the machine
	end     context.CancelFunc
}

// NewControls begins with an empty directory: who connects to what an earlier
// daemon made there is not heard.
func NewControls(s *Server, poll Poll, dir string) (*Controls, error) {
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("clear away old control sockets: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make directory of control sockets: %w", err)
	}
	return &Controls{server: s, poll: poll, dir: dir, open: map[string]*controlSocket{}}, nil
}

// Open implements machine.Control.
func (cs *Controls) Open(m machine.Machine) (address string, err error) {
	cs.Close(m.Name)
	c := &controlSocket{machine: m.Name, since: m.Monotonic, path: filepath.Join(cs.dir, m.Name)}
	if c.fd, err = bind(c.path, nil); err != nil {
		return "", fmt.Errorf("listen at %q: %w", c.path, err)
	}
	c.ctx, c.end = context.WithCancel(context.Background())
	if err = cs.poll.Add(c.fd, func() { cs.accept(c) }); err != nil {
		_ = os.Remove(c.path)
		_ = unix.Close(c.fd)
		c.end()
		return "", fmt.Errorf("listen at %q: %w", c.path, err)
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.open[m.Name] = c
	return c.path, nil
}

// Close implements machine.Control. Whoever is connected is told no more than
// what he asked already.
func (cs *Controls) Close(name string) {
	cs.mu.Lock()
	c := cs.open[name]
	delete(cs.open, name)
	cs.mu.Unlock()
	if c == nil {
		return
	}
	_ = os.Remove(c.path)
	cs.poll.Remove(c.fd)
	_ = unix.Close(c.fd)
	c.end()
}

// accept takes all who wait at a socket. It runs on the poller's goroutine.
func (cs *Controls) accept(c *controlSocket) {
	for {
		fd, err := acceptNow(c.fd)
		switch {
		case err == nil:
			go cs.server.connected(cs.server.faces[FaceInstance], fd, c)
			continue
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENOMEM):
			cs.server.Log.Warn("varlink connection is lost, ignoring", "machine", c.machine, "error", err)
			time.AfterFunc(acceptAgain, func() { cs.again(c) })
		}
		return
	}
}

// again looks at a socket once more, if it is still there.
func (cs *Controls) again(c *controlSocket) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.open[c.machine] == c {
		cs.poll.Again(c.fd)
	}
}

// findControlled finds the machine of a control socket.
func (c *call) findControlled(of *controlSocket) (err error) {
	c.machine, err = c.Manager.Get(of.machine)
	if err != nil || c.machine.Monotonic != of.since {
		return fail(instanceIf + ".NotConnected")
	}
	return nil
}
