// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"

	"machined-go/machine"
	"machined-go/machine/bus/wire"
	"machined-go/machine/polkit"
)

// Names on the bus.
const (
	Name    = "org.freedesktop.machine1"
	OwnName = "org.machinedgo"
)

// maxLong is how many operations may be under way outside the table at once,
// as in systemd-machined.
const maxLong = 64

// callTimeout bounds what one call may take.
const callTimeout = 90 * time.Second

// Holder keeps what belongs to a machine beyond its entry in the table.
type Holder interface {
	// HoldConsole takes the master of a machine's console.
	HoldConsole(m machine.Machine, fd int) error
	// HoldNotify takes the machine's own notify socket.
	HoldNotify(m machine.Machine, fd int) error
	// Status is the last STATUS= that the machine's init sent.
	Status(name string) string
}

// Server answers calls. Make it with New, then Connect, Claim and Serve. It has a connection of its own for that; a client's is
// only for what it asks of others.
type Server struct {
	conn    *wire.Conn
	manager *machine.Manager
	holder  Holder
	log     *slog.Logger
	ids     *identities
	polkit  *polkit.Authority
	level   Level
	target  atomic.Value // of the log: a string
	long    chan struct{}
	paths   paths
	list    listCache
	waits   atomic.Bool // the kernel, to tell addresses
	heard   func(dbus.ObjectPath, string, func() ([]any, error))
}

// Config is what a server works with.
type Config struct {
	Manager *machine.Manager
	Holder  Holder
	Log     *slog.Logger
	Level   Level // of what is logged, which LogControl1 changes
	// Heard gets the signals that come in between the calls, by path and
	// INTERFACE.MEMBER; args decodes what they say. Those sent to us alone are
	// left out: anybody can send them, and no match rule checks their sender.
	Heard func(path dbus.ObjectPath, name string, args func() ([]any, error))
}

// New makes a server that is not yet connected.
func New(c Config) *Server {
	s := &Server{heard: c.Heard, manager: c.Manager, holder: c.Holder, log: c.Log, level: c.Level, long: make(chan struct{}, maxLong)}
	s.target.Store("auto")
	s.paths = newPaths()
	return s
}

// Connect takes the connection that calls come in at, one to ask the bus who
// callers are, and what to ask what they may. Calls wait for Serve.
func (s *Server) Connect(conn *wire.Conn, client *dbus.Conn, rights *polkit.Authority) {
	s.conn, s.ids, s.polkit = conn, newIdentities(client), rights
}

// Serve answers calls until the connection ends, and says why it did. The
// table of machines must be complete.
func (s *Server) Serve() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for {
		msg, err := s.conn.Read()
		if err != nil {
			return fmt.Errorf("read from the system bus: %w", err)
		}
		if msg.Type != dbus.TypeMethodCall {
			if msg.Type == dbus.TypeSignal && !msg.Unicast {
				s.heard(msg.Path, msg.Interface+"."+msg.Member, msg.Args)
			}
			msg.Close()
			continue
		}
		c := &call{Server: s, ctx: ctx, life: ctx, msg: msg, sender: msg.Sender}
		if c.quick() {
			c.serve()
			continue
		}
		msg.Keep()
		go func() {
			timed, cancel := context.WithTimeout(ctx, callTimeout)
			defer cancel()
			c.ctx = timed
			c.serve()
		}()
	}
}

// quick tells whether a call is answered before the next one is read, which
// takes less than to hand it over: it asks for what the table knows, or the kernel
// at once.
func (c *call) quick() bool {
	switch c.msg.Member {
	case "GetMachine", "GetMachineByPID", "ListMachines":
		return c.msg.Path == managerPath
	case "GetMachineAddresses":
		return c.msg.Path == managerPath && !c.waits.Load()
	case "Get", "GetAll":
		label, ok := strings.CutPrefix(string(c.msg.Path), string(machineRoot)+"/")
		return ok && label != "self"
	}
	return false
}

// serve answers a call, whatever it is.
func (c *call) serve() {
	s, msg := c.Server, c.msg
	defer msg.Close()
	defer func() {
		for _, f := range c.files {
			f.Close()
		}
	}()
	values, out, err := s.answer(c)
	if msg.Flags&dbus.FlagNoReplyExpected != 0 {
		return
	}
	if err == nil {
		err = s.reply(msg, out, values)
	}
	if err != nil {
		name, text := busName(err)
		s.send(errorMessage(msg, name, text))
	}
}

// reply sends what a method returned.
func (s *Server) reply(to *wire.Message, out string, values []any) error {
	if body, ok := encode(values); ok {
		return s.conn.Reply(to, out, body)
	}
	return s.conn.Send(replyMessage(to, out, values))
}

// answer runs a call and turns a panic, which is our bug, into an error.
func (s *Server) answer(c *call) (values []any, out string, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("bug: call panicked", "call", c.msg.Member, "panic", r, "stack", string(debug.Stack()))
			err = failf(errBus+"Failed", "Internal error")
		}
	}()
	m, err := s.find(c)
	if err != nil {
		return nil, "", err
	}
	values, err = c.invoke(m)
	return values, m.out.signature(), err
}

// invoke checks the arguments and the caller's rights, then runs a method.
func (c *call) invoke(m *method) ([]any, error) {
	if got, want := c.msg.Signature, m.in.signature(); got != want {
		return nil, failf(errBus+"InvalidArgs", "Invalid arguments '%s' to call %s.%s(), expecting '%s'.", got, c.msg.Interface, m.name, want)
	}
	var err error
	if c.args, err = c.msg.Args(); err != nil {
		return nil, failf(errBus+"InvalidArgs", "Invalid arguments to call %s.%s(): %v", c.msg.Interface, m.name, err)
	}
	if m.forward != nil {
		if err := m.by(c, c.str(0)); err != nil {
			return nil, err
		}
		c.args = c.args[1:]
		m = m.forward
	}
	if m.check != nil {
		if err := m.check(c); err != nil {
			return nil, err
		}
	}
	if err := c.allow(m.guard); err != nil {
		return nil, err
	}
	if m.slow {
		c.ctx = c.life
	}
	if m.long || m.slow {
		select {
		case c.Server.long <- struct{}{}:
			defer func() { <-c.Server.long }()
		default:
			return nil, failf(errBus+"LimitsExceeded", "Too many ongoing operations.")
		}
	}
	return m.run(c)
}

// send sends a message; the bus being gone is noticed elsewhere.
func (s *Server) send(msg *dbus.Message) { _ = s.conn.Send(msg) }

func replyMessage(to *wire.Message, sig string, values []any) *dbus.Message {
	m := answerTo(to, dbus.TypeMethodReply)
	if sig != "" {
		m.Body = values
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.ParseSignatureMust(sig))
	}
	return m
}

func errorMessage(to *wire.Message, name, text string) *dbus.Message {
	m := answerTo(to, dbus.TypeError)
	m.Headers[dbus.FieldErrorName] = dbus.MakeVariant(name)
	m.Body = []any{validText(text)}
	m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(""))
	return m
}

func answerTo(to *wire.Message, t dbus.Type) *dbus.Message {
	m := &dbus.Message{Type: t, Flags: dbus.FlagNoReplyExpected, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(to.Serial),
	}}
	if to.Sender != "" {
		m.Headers[dbus.FieldDestination] = dbus.MakeVariant(to.Sender)
	}
	return m
}
