// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"context"
	"errors"
	"sync"

	"github.com/godbus/dbus/v5"

	"machined-go/machine"
	"machined-go/machine/polkit"
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
	who, err := c.ids.caller(c.ctx, c.sender)
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
	return refusal(c.polkit.Check(c.ctx, polkit.Question{
		Subject: polkit.BusName(c.sender), UID: who.uid, Action: action, Details: c.details(g),
		Interactive: c.msg.Flags&dbus.FlagAllowInteractiveAuthorization != 0,
	}))
}

// refusal gives polkit's answer the words of the bus.
func refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, polkit.ErrDenied):
		return failf(errBus+"AccessDenied", "Access denied")
	case errors.Is(err, polkit.ErrChallenge):
		return failf(errBus+"InteractiveAuthorizationRequired", "Interactive authentication required.")
	}
	return failf(errBus+"AccessDenied", "Access denied: polkit: %v", err)
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

// identities asks the bus who somebody is.
type identities struct {
	conn *dbus.Conn

	mu    sync.Mutex
	known map[string]caller // by unique name, which is never used twice
}

func newIdentities(conn *dbus.Conn) *identities {
	return &identities{conn: conn, known: map[string]caller{}}
}

// maxKnown bounds the memory of callers; a new one costs a round trip.
const maxKnown = 256

// caller asks the bus for the credentials of a sender.
func (i *identities) caller(ctx context.Context, sender string) (caller, error) {
	i.mu.Lock()
	who, ok := i.known[sender]
	i.mu.Unlock()
	if ok {
		return who, nil
	}
	var creds map[string]dbus.Variant
	err := i.conn.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.GetConnectionCredentials", 0, sender).Store(&creds)
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
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.known) >= maxKnown {
		clear(i.known)
	}
	i.known[sender] = who
	return who, nil
}

// owns tells whether an unprivileged registrant may name a process the leader:
// it runs as him, or in a user namespace that he made.
func owns(who caller, leader *machine.Process) bool {
	return who.uid == 0 || leader.Owner() == int64(who.uid) || leader.UsersOwner() == int64(who.uid)
}
