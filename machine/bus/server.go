// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/godbus/dbus/v5"

	"machined-go/machine"
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

// Server answers calls. Make it with New, then Connect, Claim and Serve.
type Server struct {
	conn    *dbus.Conn
	manager *machine.Manager
	holder  Holder
	log     *slog.Logger
	auth    *authority
	level   Level
	target  atomic.Value // of the log: a string
	long    chan struct{}
	paths   paths
	ready   chan struct{} // closed by Serve
}

// Config is what a server works with.
type Config struct {
	Manager *machine.Manager
	Holder  Holder
	Log     *slog.Logger
	Level   Level // of what is logged, which LogControl1 changes
}

// New makes a server that is not yet connected.
func New(c Config) *Server {
	s := &Server{manager: c.Manager, holder: c.Holder, log: c.Log, level: c.Level, long: make(chan struct{}, maxLong), ready: make(chan struct{})}
	s.target.Store("auto")
	s.paths = newPaths()
	return s
}

// Handler is for dbus.WithHandler, as the handler must be there before the
// connection is.
func (s *Server) Handler() dbus.Handler { return lookup{s} }

// Connect takes the connection that Handler was given to. Calls wait for Serve.
func (s *Server) Connect(conn *dbus.Conn) {
	s.conn = conn
	s.auth = newAuthority(conn)
}

// Serve begins to answer calls, when the table is complete.
func (s *Server) Serve() { close(s.ready) }

// Claim takes the names. Stock systemd-machined must not have them.
func (s *Server) Claim() error {
	for _, name := range []string{Name, OwnName} {
		r, err := s.conn.RequestName(name, dbus.NameFlagDoNotQueue)
		if err != nil {
			return fmt.Errorf("own bus name %q: %v", name, err)
		}
		if r != dbus.RequestNameReplyPrimaryOwner && r != dbus.RequestNameReplyAlreadyOwner {
			return fmt.Errorf("own bus name %q: another process has it (systemctl stop systemd-machined.service)", name)
		}
	}
	return nil
}

// serve answers one call, whatever it is.
func (s *Server) serve(msg *dbus.Message) {
	quiet := msg.Flags&dbus.FlagNoReplyExpected != 0
	ctx, cancel := context.WithTimeout(s.conn.Context(), callTimeout)
	defer cancel()
	c := &call{Server: s, ctx: ctx, msg: msg, args: msg.Body}
	c.sender, _ = header[string](msg, dbus.FieldSender)
	defer func() {
		for _, v := range msg.Body {
			closeArgs(v)
		}
		for _, f := range c.files {
			f.Close()
		}
	}()
	values, out, err := s.answer(c)
	if quiet {
		return
	}
	if err != nil {
		name, text := busName(err)
		s.send(errorMessage(msg, name, text))
		return
	}
	s.send(replyMessage(msg, out, values))
}

// answer runs a call and turns a panic, which is our bug, into an error.
func (s *Server) answer(c *call) (values []any, out string, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("bug: call panicked", "call", c.msg.Headers[dbus.FieldMember].String(), "panic", r, "stack", string(debug.Stack()))
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
	if got, want := signatureOf(c.msg), m.in.signature(); got != want {
		iface, _ := header[string](c.msg, dbus.FieldInterface)
		return nil, failf(errBus+"InvalidArgs", "Invalid arguments '%s' to call %s.%s(), expecting '%s'.", got, iface, m.name, want)
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
		c.ctx = c.conn.Context()
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
func (s *Server) send(msg *dbus.Message) { s.conn.Send(msg, nil) }

func replyMessage(to *dbus.Message, sig string, values []any) *dbus.Message {
	m := answerTo(to, dbus.TypeMethodReply)
	if sig != "" {
		m.Body = values
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.ParseSignatureMust(sig))
	}
	return m
}

func errorMessage(to *dbus.Message, name, text string) *dbus.Message {
	m := answerTo(to, dbus.TypeError)
	m.Headers[dbus.FieldErrorName] = dbus.MakeVariant(name)
	m.Body = []any{validText(text)}
	m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(""))
	return m
}

func answerTo(to *dbus.Message, t dbus.Type) *dbus.Message {
	m := &dbus.Message{Type: t, Flags: dbus.FlagNoReplyExpected, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(to.Serial()),
	}}
	if sender, ok := to.Headers[dbus.FieldSender]; ok {
		m.Headers[dbus.FieldDestination] = sender
	}
	return m
}

func header[T any](msg *dbus.Message, f dbus.HeaderField) (T, bool) {
	v, ok := msg.Headers[f].Value().(T)
	return v, ok
}

func signatureOf(msg *dbus.Message) string {
	sig, ok := header[dbus.Signature](msg, dbus.FieldSignature)
	if !ok {
		return ""
	}
	return sig.String()
}

// lookup joins godbus's handler interfaces: whatever is called, we get the
// message and answer it ourselves, with sd-bus's errors and with descriptors
// closed after the reply, neither of which godbus does.
type lookup struct{ s *Server }

func (l lookup) LookupObject(dbus.ObjectPath) (dbus.ServerObject, bool) { return l, true }
func (l lookup) LookupInterface(string) (dbus.Interface, bool)          { return l, true }
func (l lookup) LookupMethod(string) (dbus.Method, bool)                { return &incoming{s: l.s}, true }

// incoming is one call on its way through godbus.
type incoming struct {
	s   *Server
	msg *dbus.Message
}

func (i *incoming) NumArguments() int     { return 0 }
func (i *incoming) NumReturns() int       { return 0 }
func (i *incoming) ArgumentValue(int) any { return nil }
func (i *incoming) ReturnValue(int) any   { return nil }

func (i *incoming) DecodeArguments(_ *dbus.Conn, _ string, msg *dbus.Message, _ []any) ([]any, error) {
	copied := *msg
	i.msg = &copied
	msg.Flags |= dbus.FlagNoReplyExpected // godbus must not reply, we do
	return nil, nil
}

func (i *incoming) Call(...any) ([]any, error) {
	<-i.s.ready
	i.s.serve(i.msg)
	return nil, nil
}
