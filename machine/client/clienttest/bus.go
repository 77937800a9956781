// SPDX-License-Identifier: Apache-2.0

// Package clienttest is a message bus small enough to test a client against:
// it speaks the real wire format on a real socket, file descriptors and all,
// so that a client under test runs whole. It does not route; the test answers
// the calls itself.
package clienttest

import (
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// Call is a method call as it came from the client.
type Call struct {
	Service, Interface, Member string
	Path                       dbus.ObjectPath
	Args                       []any
	Interactive                bool // polkit may ask the user
}

// Handler answers a call: with the values of its reply, or with an error,
// best a dbus.Error.
type Handler func(Call) ([]any, error)

// ErrNoReply is what a bus answers when the service dies in mid-call.
func ErrNoReply() error {
	return *dbus.NewError("org.freedesktop.DBus.Error.NoReply",
		[]any{"Message recipient disconnected from message bus without replying"})
}

// Bus is a bus for one test.
type Bus struct {
	Address string // as for DBUS_SYSTEM_BUS_ADDRESS

	mu      sync.Mutex
	methods map[string]Handler
	calls   []Call
	peers   []*peer
}

// Start opens a bus that lasts as long as the test.
func Start(t testing.TB) *Bus {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bus")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	b := &Bus{Address: "unix:path=" + path, methods: map[string]Handler{}}
	b.Handle("org.freedesktop.DBus.Hello", reply(":1.1"))
	b.Handle("org.freedesktop.DBus.AddMatch", reply())
	b.Handle("org.freedesktop.DBus.RemoveMatch", reply())
	go b.accept(listener)
	t.Cleanup(func() {
		listener.Close()
		b.HangUp()
	})
	return b
}

func reply(values ...any) Handler {
	return func(Call) ([]any, error) { return values, nil }
}

// Dial connects to the bus for as long as the test lasts.
func (b *Bus) Dial(t testing.TB) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect(b.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Handle answers a method, given as "interface.Member".
func (b *Bus) Handle(method string, h Handler) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.methods[method] = h
}

// Calls gives the calls so far of a method, given as "interface.Member".
func (b *Bus) Calls(method string) []Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []Call
	for _, c := range b.calls {
		if c.Interface+"."+c.Member == method {
			list = append(list, c)
		}
	}
	return list
}

// Emit sends a signal, given as "interface.Member", to everybody.
func (b *Bus) Emit(path dbus.ObjectPath, signal string, args ...any) {
	b.mu.Lock()
	peers := append([]*peer{}, b.peers...)
	b.mu.Unlock()
	iface, member := split(signal)
	msg := message(dbus.TypeSignal, args)
	msg.Headers[dbus.FieldPath] = dbus.MakeVariant(path)
	msg.Headers[dbus.FieldInterface] = dbus.MakeVariant(iface)
	msg.Headers[dbus.FieldMember] = dbus.MakeVariant(member)
	msg.Headers[dbus.FieldSender] = dbus.MakeVariant(":1.0")
	for _, p := range peers {
		p.send(msg)
	}
}

// HangUp ends all connections, as a bus that dies.
func (b *Bus) HangUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.peers {
		p.conn.Close()
	}
	b.peers = nil
}

func (b *Bus) accept(listener *net.UnixListener) {
	for {
		conn, err := listener.AcceptUnix()
		if err != nil {
			return
		}
		p := &peer{conn: conn}
		b.mu.Lock()
		b.peers = append(b.peers, p)
		b.mu.Unlock()
		go b.serve(p)
	}
}

// maxReplies is how many replies a connection may wait for on a stock bus
// (dbus-daemon(1), max_replies_per_connection).
const maxReplies = 128

func (b *Bus) serve(p *peer) {
	if p.authenticate() != nil {
		return
	}
	for {
		msg, err := p.receive()
		if err != nil {
			return
		}
		if msg.Type != dbus.TypeMethodCall {
			continue
		}
		if p.pending.Add(1) > maxReplies {
			p.pending.Add(-1)
			p.send(response(msg.Serial(), nil, *dbus.NewError("org.freedesktop.DBus.Error.LimitsExceeded",
				[]any{"The maximum number of pending replies per connection has been reached"})))
			continue
		}
		go func() {
			defer p.pending.Add(-1)
			b.answer(p, msg)
		}()
	}
}

func (b *Bus) answer(p *peer, msg *dbus.Message) {
	call := Call{Args: msg.Body, Interactive: msg.Flags&dbus.FlagAllowInteractiveAuthorization != 0}
	call.Service, _ = msg.Headers[dbus.FieldDestination].Value().(string)
	call.Interface, _ = msg.Headers[dbus.FieldInterface].Value().(string)
	call.Member, _ = msg.Headers[dbus.FieldMember].Value().(string)
	call.Path, _ = msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	b.mu.Lock()
	b.calls = append(b.calls, call)
	handler := b.methods[call.Interface+"."+call.Member]
	b.mu.Unlock()
	if handler == nil {
		handler = unknown
	}
	values, err := handler(call)
	p.send(response(msg.Serial(), values, err))
}

func unknown(c Call) ([]any, error) {
	return nil, *dbus.NewError("org.freedesktop.DBus.Error.UnknownMethod",
		[]any{"no test answers " + c.Interface + "." + c.Member})
}
