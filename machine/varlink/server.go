// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/machine"
)

// Limits on callers; those of a user are for all but root.
const (
	maxConns     = 1024
	maxUserConns = 64
	maxLong      = 64 // as in systemd-machined
)

// callTimeout bounds what one call may take.
const callTimeout = 90 * time.Second

// Level is the least severity that the daemon logs, as a number of syslog(3).
type Level interface {
	Syslog() int
	SetSyslog(level int)
}

// Config is what a server works with.
type Config struct {
	Manager *machine.Manager
	Polkit  Authority
	Level   Level
	Log     *slog.Logger
	Version string
	// Environ is what GetEnvironment tells root.
	Environ []string
}

// Server answers calls. Make it with New, give it its sockets with Serve.
type Server struct {
	Config
	faces map[string]*face
	long  chan struct{}
	list  listCache
	names nameWatch
	boot  string // this boot's id, in hex
	host  uint64 // pidfd inode of PID 1

	mu    sync.Mutex
	conns int
	users map[uint32]int

	turn atomic.Uint64 // how often the table of machines changed
}

// New makes a server.
func New(c Config) *Server {
	s := &Server{Config: c, long: make(chan struct{}, maxLong), users: map[uint32]int{}, boot: bootID()}
	if init, err := machine.OpenProcess(1); err == nil {
		s.host = init.ID
		init.Close()
	}
	s.names.init()
	s.faces = newFaces()
	return s
}

// MachineNew implements machine.Observer.
func (s *Server) MachineNew(m machine.Machine) {
	s.turn.Add(1)
	s.names.add(m)
}

// MachineRemoved implements machine.Observer.
func (s *Server) MachineRemoved(m machine.Machine) {
	s.turn.Add(1)
	s.names.remove(m)
}

// Serve answers on a socket until it is closed.
func (s *Server) Serve(l Socket) {
	f := s.faces[l.Face]
	raw, err := l.Listener.SyscallConn()
	if err != nil {
		return
	}
	for {
		fd, err := accept(raw)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil {
			s.Log.Warn("varlink connection is lost, ignoring", "error", err)
			pause(err)
			continue
		}
		go s.connected(f, fd, nil)
	}
}

// connected serves a connection; of is the machine whose socket it came to, if
// it is that of one.
func (s *Server) connected(f *face, fd int, of *controlSocket) {
	sock := &stream{fd: fd}
	defer sock.close()
	p, err := peerOf(fd)
	if err != nil {
		return
	}
	defer p.close()
	if !s.admit(p.uid) {
		s.Log.Debug("too many varlink connections", "uid", p.uid)
		return
	}
	defer s.leave(p.uid)
	if of != nil {
		defer context.AfterFunc(of.ctx, sock.end)()
	}
	c := &conn{server: s, face: f, sock: sock, peer: p, of: of}
	c.serve()
}

func (s *Server) admit(uid uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Root gets in when users have taken all they may.
	if uid != 0 && (s.users[uid] >= maxUserConns || s.conns >= maxConns-maxUserConns) || s.conns >= maxConns {
		return false
	}
	s.conns++
	s.users[uid]++
	return true
}

func (s *Server) leave(uid uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns--
	if s.users[uid]--; s.users[uid] == 0 {
		delete(s.users, uid)
	}
}

// answer runs one call; an error means that the connection is of no use any
// more.
func (s *Server) answer(c *conn, m message) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	call := &call{Server: s, ctx: ctx, conn: c, message: m}
	defer call.closeFiles()
	out, err := s.run(call)
	switch {
	case call.broken != nil:
		return call.broken
	case m.oneway || call.answered:
		return nil
	case err != nil:
		we := wireErrorOf(err)
		return c.sock.write(appendError(nil, we.name, we.params), nil)
	}
	return c.sock.write(appendReply(nil, out, false), call.fds())
}

// run finds the method, checks the call, and turns a panic, which is our bug,
// into an error.
func (s *Server) run(c *call) (out object, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.Log.Error("bug: call panicked", "call", c.method, "panic", r, "stack", string(debug.Stack()))
			err = system(unix.EIO)
		}
	}()
	row, ok := c.conn.face.methods[c.method]
	if !ok || row.run == nil {
		return nil, failWith(serviceIf+".MethodNotFound", "method", c.method)
	}
	if c.upgrade {
		return nil, failWith(serviceIf+".MethodNotImplemented", "method", c.method)
	}
	if row.more && !c.more {
		return nil, fail(serviceIf + ".ExpectedMore")
	}
	if c.args, err = row.iface.check(row.in, c.parameters); err != nil {
		return nil, err
	}
	return c.invoke(row.method)
}

// invoke finds the machine, checks the caller's rights, then runs a method.
func (c *call) invoke(m *method) (object, error) {
	if m.check != nil {
		if err := m.check(c); err != nil {
			return nil, err
		}
	}
	if m.machine {
		if err := c.findMachine(); err != nil {
			return nil, err
		}
	}
	if err := c.allow(m.guard); err != nil {
		return nil, err
	}
	if m.slow {
		c.ctx = context.Background()
	}
	if m.long || m.slow {
		select {
		case c.Server.long <- struct{}{}:
			defer func() { <-c.Server.long }()
		default:
			return nil, c.tooMany()
		}
	}
	return m.run(c)
}
