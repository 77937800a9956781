// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"context"
	"errors"
	"sync"

	"github.com/godbus/dbus/v5"

	"machined-go/machine"
)

// guard says who may call a method: root, and whom polkit lets.
type guard struct {
	action string // "" lets everybody
	host   string // the action when the machine is the host; action if ""
	verb   string
	owner  bool // the registrant of the machine needs no authorization
	root   bool // nobody but root, polkit is not asked
	// details adds to what polkit is told.
	details func(c *call) map[string]string
}

// caller is who sent a message.
type caller struct {
	uid uint32
	pid int
}

// allow checks the caller's rights.
func (c *call) allow(g guard) error {
	if g.action == "" && !g.root {
		return nil
	}
	who, err := c.auth.caller(c.ctx, c.sender)
	if err != nil {
		return err
	}
	if who.uid == 0 {
		return nil
	}
	if g.root {
		return failf(errBus+"AccessDenied", "Only root may do this.")
	}
	if g.owner && c.machine.UID == who.uid && c.machine.Name != "" && !c.machine.IsHost() {
		return nil
	}
	action := g.action
	if g.host != "" && c.machine.IsHost() {
		action = g.host
	}
	return c.auth.check(c.ctx, c.sender, action, c.details(g), c.msg.Flags&dbus.FlagAllowInteractiveAuthorization != 0)
}

func (c *call) details(g guard) map[string]string {
	d := map[string]string{}
	if c.machine.Name != "" {
		d["machine"] = c.machine.Name
	}
	if c.image.Name != "" {
		d["image"] = c.image.Name
	}
	if g.verb != "" {
		d["verb"] = g.verb
	}
	if g.details != nil {
		for k, v := range g.details(c) {
			d[k] = v
		}
	}
	return d
}

// authority asks the bus who somebody is and polkit what he may.
type authority struct {
	conn *dbus.Conn

	mu    sync.Mutex
	known map[string]caller // by unique name, which is never used twice
}

func newAuthority(conn *dbus.Conn) *authority {
	return &authority{conn: conn, known: map[string]caller{}}
}

// maxKnown bounds the memory of callers; a new one costs a round trip.
const maxKnown = 256

// caller asks the bus for the credentials of a sender.
func (a *authority) caller(ctx context.Context, sender string) (caller, error) {
	a.mu.Lock()
	who, ok := a.known[sender]
	a.mu.Unlock()
	if ok {
		return who, nil
	}
	var creds map[string]dbus.Variant
	err := a.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetConnectionCredentials", 0, sender).Store(&creds)
	if err != nil {
		return caller{}, failf(errBus+"AccessDenied", "Caller cannot be identified: %v", err)
	}
	closeArgs(creds) // dbus 1.16 and newer send a pidfd along
	uid, ok := creds["UnixUserID"].Value().(uint32)
	if !ok {
		return caller{}, failf(errBus+"AccessDenied", "Caller cannot be identified")
	}
	pid, _ := creds["ProcessID"].Value().(uint32)
	who = caller{uid: uid, pid: int(pid)}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxKnown {
		clear(a.known)
	}
	a.known[sender] = who
	return who, nil
}

type subject struct {
	Kind    string
	Details map[string]dbus.Variant
}

// check asks polkit (polkit(8)). No polkit means no.
func (a *authority) check(ctx context.Context, sender, action string, details map[string]string, interactive bool) error {
	var result struct {
		Authorized, Challenge bool
		Details               map[string]string
	}
	var flags uint32
	if interactive {
		flags = 1
	}
	who := subject{Kind: "system-bus-name", Details: map[string]dbus.Variant{"name": dbus.MakeVariant(sender)}}
	err := a.conn.Object("org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority").
		CallWithContext(ctx, "org.freedesktop.PolicyKit1.Authority.CheckAuthorization", 0, who, action, details, flags, "").Store(&result)
	var de dbus.Error
	switch {
	case errors.As(err, &de) && (de.Name == errBus+"ServiceUnknown" || de.Name == errBus+"NameHasNoOwner"):
		return failf(errBus+"AccessDenied", "Access denied")
	case err != nil:
		return failf(errBus+"AccessDenied", "Access denied: polkit: %v", err)
	case result.Authorized:
		return nil
	case result.Challenge && !interactive:
		return failf(errBus+"InteractiveAuthorizationRequired", "Interactive authentication required.")
	}
	return failf(errBus+"AccessDenied", "Access denied")
}

// owns tells whether an unprivileged registrant may name a process the leader:
// it runs as him, or in a user namespace that he made.
func owns(who caller, leader *machine.Process) bool {
	return who.uid == 0 || leader.Owner() == int64(who.uid) || leader.UsersOwner() == int64(who.uid)
}
