// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"context"
	"errors"

	"machined-go/machine"
	"machined-go/machine/polkit"
)

// Errors of access. The second says that a caller who lets polkit ask his user
// might be allowed.
var (
	ErrDenied      error = &wireError{name: serviceIf + ".PermissionDenied"}
	ErrInteractive error = &wireError{name: "io.systemd.InteractiveAuthenticationRequired"}
)

// Authority decides what somebody who is not root may do, as [polkit.Authority]
// does.
type Authority interface {
	Check(ctx context.Context, q polkit.Question) error
}

// guard says who may call a method: root, and whom polkit lets.
type guard struct {
	action string // "" lets everybody
	host   string // the action when the machine is the host; action if ""
	verb   string
	owner  bool // the registrant of the machine needs no authorization
	root   bool // nobody but root, polkit is not asked
	asks   bool // polkit may ask the user unless the caller says no
	// details adds to what polkit is told.
	details func(c *call) map[string]string
}

// allow checks the caller's rights.
func (c *call) allow(g guard) error {
	who := &c.conn.peer
	switch {
	case g.action == "" && !g.root, who.uid == 0:
		return nil
	case g.root:
		return ErrDenied
	case g.owner && c.machine.UID == who.uid && c.machine.Name != "" && !c.machine.IsHost():
		return nil
	}
	action := g.action
	if g.host != "" && c.machine.IsHost() {
		action = g.host
	}
	p, err := who.process()
	if err != nil {
		return ErrDenied
	}
	defer p.Close()
	interactive := c.flag("allowInteractiveAuthentication") || g.asks && !c.given("allowInteractiveAuthentication")
	return c.refusal(action, c.Polkit.Check(c.ctx, polkit.Question{
		Subject: polkit.Process(p.PID, p.StartTime, who.uid), UID: who.uid,
		Action: action, Details: c.details(g), Interactive: interactive,
	}))
}

// refusal gives polkit's answer the words of Varlink, which has none for a
// polkit that does not answer.
func (c *call) refusal(action string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, polkit.ErrChallenge):
		return ErrInteractive
	case !errors.Is(err, polkit.ErrDenied):
		c.Log.Debug("polkit does not answer, access is denied", "action", action, "error", err)
	}
	return ErrDenied
}

func (c *call) details(g guard) map[string]string {
	d := map[string]string{}
	if c.machine.Name != "" {
		d["machine"] = c.machine.Name
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

// owns tells whether an unprivileged registrant may name a process the leader:
// it runs as him, or in a user namespace that he made.
func owns(who *peer, leader *machine.Process) bool {
	return who.uid == 0 || leader.Owner() == int64(who.uid) || leader.UsersOwner() == int64(who.uid)
}
