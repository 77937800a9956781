// SPDX-License-Identifier: Apache-2.0

// Package systemd1 speaks to systemd's manager, org.freedesktop.systemd1(5).
// It is the only package that does: starting scopes, running jobs, asking for
// the state of a unit, and telling who listens when units change or go away.
//
// A call that makes systemd do something waits for the job it caused, so that
// after a nil error the thing is done, not merely asked for.
package systemd1

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sync/semaphore"
)

const (
	busName     = "org.freedesktop.systemd1"
	managerPath = dbus.ObjectPath("/org/freedesktop/systemd1")
	managerIf   = busName + ".Manager"
	unitIf      = busName + ".Unit"
	propsIf     = "org.freedesktop.DBus.Properties"
	unitPrefix  = "/org/freedesktop/systemd1/unit/"

	// privateSocket is where PID 1 itself listens, for root alone: no
	// dbus-daemon in between, and all signals come without a match rule.
	privateSocket = "/run/systemd/private"
)

// Conn is a connection to the host's systemd. It is safe for concurrent use.
type Conn struct {
	bus   *dbus.Conn
	owns  bool // Close closes bus too
	peer  bool // systemd itself is at the other end, no bus
	calls *semaphore.Weighted

	mu       sync.Mutex
	watches  map[string][]*watch // by unit name
	onEvent  func(Event)
	signals  chan *dbus.Signal // only when the bus is somebody else's
	released bool
}

// Dial connects to systemd: as root over its private socket when that is
// there, else over the system bus. The private connection ends when systemd
// re-executes itself; a short-lived process does not mind, a daemon that wants
// to follow units uses FromBus.
func Dial(ctx context.Context) (*Conn, error) {
	if os.Geteuid() == 0 {
		c, err := dialPrivate(ctx)
		if err == nil {
			return c, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return dialSystem(ctx)
}

func dialPrivate(ctx context.Context) (*Conn, error) {
	c := newConn()
	bus, err := dbus.Dial("unix:path="+privateSocket, dbus.WithSignalHandler(c), dbus.WithContext(context.WithoutCancel(ctx)))
	if err != nil {
		return nil, fmt.Errorf("connect to systemd at %q: %w", privateSocket, err)
	}
	auth := []dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Geteuid()))}
	if err := bus.Auth(auth); err != nil {
		bus.Close()
		return nil, fmt.Errorf("authenticate to systemd at %q: %v", privateSocket, err)
	}
	c.bus, c.owns, c.peer = bus, true, true
	overflow(bus)
	return c, nil
}

// authBuffer is how much sd-bus reads at once while it authenticates (systemd's src/libsystemd/sd-bus/bus-socket.c).
const authBuffer = 256

// overflow sends a message that does nothing but be longer than that. A shorter first message can be read whole together with the end
// of the authentication, and is then looked at only when the next one comes, for which its sender does not wait.
func overflow(bus *dbus.Conn) {
	bus.Object(busName, managerPath).Go("org.freedesktop.DBus.Peer.Ping", dbus.FlagNoReplyExpected, nil, strings.Repeat(" ", authBuffer))
}

func dialSystem(ctx context.Context) (*Conn, error) {
	c := newConn()
	bus, err := dbus.ConnectSystemBus(dbus.WithSignalHandler(c), dbus.WithContext(context.WithoutCancel(ctx)))
	if err != nil {
		return nil, fmt.Errorf("connect to the system bus: %v", err)
	}
	c.bus, c.owns = bus, true
	if err := c.match(ctx); err != nil {
		bus.Close()
		return nil, err
	}
	return c, nil
}

// Listener is a connection whose owner hands signals to Conn.Heard.
type Listener interface {
	AddMatch(rule string) error
}

// FromBus uses a connection to the system bus that somebody else made and
// closes, for calls, and another one to listen, so that signals need not be
// decoded: there are many, and most of each is never looked at. It has each
// change of any unit told, with one match rule for all of them: told is called
// on whatever goroutine calls Heard, must not block and must not call systemd.
func FromBus(ctx context.Context, bus *dbus.Conn, ears Listener, told func(Event)) (*Conn, error) {
	c := newConn()
	c.bus, c.onEvent = bus, told
	for _, rule := range []string{
		fmt.Sprintf("type='signal',sender='%s',interface='%s',path='%s'", busName, managerIf, managerPath),
		fmt.Sprintf("type='signal',sender='%s',interface='%s',member='PropertiesChanged',path_namespace='%s',arg0='%s'",
			busName, propsIf, strings.TrimSuffix(unitPrefix, "/"), unitIf),
	} {
		if err := ears.AddMatch(rule); err != nil {
			return nil, fmt.Errorf("match systemd's signals: %w", err)
		}
	}
	return c, c.subscribe(ctx)
}

// Briefly is for a process that starts one thing and ends: it spares itself the wait for its match rule, which the bus
// has before the next message, and the subscription, for systemd tells whoever caused a job how it ended in any case.
func Briefly(bus *dbus.Conn) *Conn {
	c := newConn()
	c.bus = bus
	c.listen()
	rule := fmt.Sprintf("type='signal',sender='%s',path='%s',interface='%s'", busName, managerPath, managerIf)
	bus.BusObject().Go("org.freedesktop.DBus.AddMatch", dbus.FlagNoReplyExpected, nil, rule)
	return c
}

// listen hands every signal of the connection on.
func (c *Conn) listen() {
	c.signals = make(chan *dbus.Signal, 1024)
	c.bus.Signal(c.signals)
	go func() {
		for s := range c.signals {
			c.dispatch(s)
		}
	}()
}

// maxCalls is how many calls may be under way; more wait for their turn. A
// bus refuses a connection that has too many, dbus-daemon(1) from 128 on
// (max_replies_per_connection), and others may share this one.
const maxCalls = 64

func newConn() *Conn {
	return &Conn{watches: map[string][]*watch{}, calls: semaphore.NewWeighted(maxCalls)}
}

// match asks the bus for the manager's own signals and systemd to send them.
func (c *Conn) match(ctx context.Context) error {
	err := c.bus.AddMatchSignalContext(ctx, dbus.WithMatchSender(busName),
		dbus.WithMatchInterface(managerIf), dbus.WithMatchObjectPath(managerPath))
	if err != nil {
		return fmt.Errorf("match systemd's signals: %v", err)
	}
	return c.subscribe(ctx)
}

func (c *Conn) subscribe(ctx context.Context) error {
	if err := c.call(ctx, "Subscribe").Err; err != nil && !isError(err, busName+".AlreadySubscribed") {
		return fmt.Errorf("subscribe to systemd's signals: %v", err)
	}
	return nil
}

// Close ends the connection if Dial made it, else only stops listening.
func (c *Conn) Close() error {
	if c.owns {
		return c.bus.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.released && c.signals != nil {
		c.released = true
		c.bus.RemoveSignal(c.signals)
	}
	return nil
}

// call calls a method of the manager object.
func (c *Conn) call(ctx context.Context, method string, args ...any) *dbus.Call {
	return c.callFull(ctx, managerIf+"."+method, args...)
}

// callFull calls a method of any interface of the manager object.
func (c *Conn) callFull(ctx context.Context, method string, args ...any) *dbus.Call {
	if err := c.calls.Acquire(ctx, 1); err != nil {
		return &dbus.Call{Err: err}
	}
	defer c.calls.Release(1)
	return c.bus.Object(busName, managerPath).CallWithContext(ctx, method, 0, args...)
}

// isError tells whether err is the D-Bus error of that name.
func isError(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == name
}

// unitPath is the object path of a unit: every byte outside [A-Za-z0-9], and a
// digit in first position, as _xx.
func unitPath(name string) dbus.ObjectPath {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, len(unitPrefix)+2*len(name))
	b = append(b, unitPrefix...)
	if name == "" {
		return dbus.ObjectPath(append(b, '_'))
	}
	for i := 0; i < len(name); i++ {
		ch := name[i]
		switch {
		case ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z', i > 0 && ch >= '0' && ch <= '9':
			b = append(b, ch)
		default:
			b = append(b, '_', hex[ch>>4], hex[ch&15])
		}
	}
	return dbus.ObjectPath(b)
}

// unitName is the inverse of unitPath; ok is false for a path of something else.
func unitName(path dbus.ObjectPath) (name string, ok bool) {
	s := string(path)
	if len(s) <= len(unitPrefix) || s[:len(unitPrefix)] != unitPrefix {
		return "", false
	}
	s = s[len(unitPrefix):]
	if s == "_" {
		return "", true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '_' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		v, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b = append(b, byte(v))
		i += 2
	}
	return string(b), true
}
