// SPDX-License-Identifier: Apache-2.0

// Package client speaks to a machine manager over the system bus: to
// org.freedesktop.machine1, which machined-go and the stock systemd-machined
// both serve, and to org.machinedgo.Manager1, which only machined-go serves.
//
// It holds no state but the connection it is given, and knows nothing of how
// machines are started or listed.
package client

import (
	"context"
	"fmt"
	"sync"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sync/semaphore"
)

// Names on the bus, as org.freedesktop.machine1(5) has them.
const (
	machine1Name    = "org.freedesktop.machine1"
	machine1Path    = dbus.ObjectPath("/org/freedesktop/machine1")
	machine1Manager = machine1Name + ".Manager"
	machine1Machine = machine1Name + ".Machine"
	machine1Image   = machine1Name + ".Image"
)

// Client calls a machine manager. It may be used by several goroutines.
type Client struct {
	bus   *dbus.Conn
	calls *semaphore.Weighted

	mu      sync.Mutex
	watches int // those that are open
}

// maxCalls is how many calls may be under way; more wait for their turn. A
// bus refuses a connection that has too many: dbus-daemon(1) from 128 on,
// max_replies_per_connection.
const maxCalls = 64

// New returns a client on a bus connection, which stays the caller's to close.
func New(bus *dbus.Conn) *Client {
	return &Client{bus: bus, calls: semaphore.NewWeighted(maxCalls)}
}

// target names one object of one service on the bus.
type target struct {
	service string
	path    dbus.ObjectPath
	iface   string
}

func manager() target {
	return target{machine1Name, machine1Path, machine1Manager}
}

// call sends one method call, once there is room, and waits for its reply, or
// for ctx.
//
// The message is built by hand because godbus drops the flag that lets polkit
// ask the user (ALLOW_INTERACTIVE_AUTHORIZATION) from the calls it builds.
func (c *Client) call(ctx context.Context, t target, method string, args ...any) *dbus.Call {
	msg := &dbus.Message{
		Type:  dbus.TypeMethodCall,
		Flags: dbus.FlagAllowInteractiveAuthorization,
		Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldDestination: dbus.MakeVariant(t.service),
			dbus.FieldPath:        dbus.MakeVariant(t.path),
			dbus.FieldInterface:   dbus.MakeVariant(t.iface),
			dbus.FieldMember:      dbus.MakeVariant(method),
		},
		Body: args,
	}
	if len(args) > 0 {
		msg.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(args...))
	}
	if err := c.calls.Acquire(ctx, 1); err != nil {
		return &dbus.Call{Err: err}
	}
	defer c.calls.Release(1)
	return <-c.bus.SendWithContext(ctx, msg, make(chan *dbus.Call, 1)).Done
}

// properties reads all properties of one object in one call.
func (c *Client) properties(ctx context.Context, t target) (map[string]dbus.Variant, error) {
	all := map[string]dbus.Variant{}
	iface := t.iface
	t.iface = "org.freedesktop.DBus.Properties"
	err := c.call(ctx, t, "GetAll", iface).Store(&all)
	return all, err
}

// objectPath gives the path of an object below a folder of machine1, escaped
// as sd_bus_path_encode(3) does it: what is no ASCII letter or digit becomes
// "_" and two hex digits, and so does a digit in front.
func objectPath(folder, name string) dbus.ObjectPath {
	path := []byte(string(machine1Path) + "/" + folder + "/")
	if name == "" {
		return dbus.ObjectPath(append(path, '_'))
	}
	for i := range len(name) {
		b := name[i]
		letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
		digit := b >= '0' && b <= '9' && i > 0
		if letter || digit {
			path = append(path, b)
		} else {
			path = fmt.Appendf(path, "_%02x", b)
		}
	}
	return dbus.ObjectPath(path)
}
