// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"errors"
	"strings"

	"machined-go/machine"
	"machined-go/machine/inside"
	"machined-go/machine/session"
)

// open gives a terminal of the machine: bare, with a login prompt, or with a
// program. Each has its own polkit action.
func open(c *call) (object, error) {
	shell := session.Shell{User: c.str("user"), Path: c.str("path"), Args: c.strs("args"), Env: c.strs("environment")}
	var fe *session.FieldError
	if err := shell.Check(); errors.As(err, &fe) {
		return nil, invalidParameter(fe.Field)
	}
	g := guard{action: machine.ActionOpenPTY, host: machine.ActionHostOpenPTY, owner: true}
	start := func(g *inside.Guest) (*inside.PTY, error) { return g.OpenPTY() }
	switch c.str("mode") {
	case "login":
		g.action, g.host, g.verb = machine.ActionLogin, machine.ActionHostLogin, "login"
		start = func(g *inside.Guest) (*inside.PTY, error) { return session.Login(c.ctx, g) }
	case "shell":
		g.action, g.host = machine.ActionShell, machine.ActionHostShell
		g.details = func(*call) map[string]string { return shellDetails(&shell) }
		start = func(g *inside.Guest) (*inside.PTY, error) { return shell.Open(c.ctx, g) }
	}
	if err := c.allow(g); err != nil {
		return nil, err
	}
	if c.str("mode") != "tty" && c.machine.Paused() {
		return nil, machine.ErrPaused
	}
	return c.terminal(start)
}

// shellDetails is what polkit is told of a shell.
func shellDetails(s *session.Shell) map[string]string {
	cmd := s.Command()
	return map[string]string{"user": s.User, "program": cmd.Path, "command_line": strings.Join(cmd.Args, " ")}
}

// terminal enters the machine and sends the terminal that is opened there. A
// machine that an ordinary user registered must have users of its own, or it
// would be a way to become root.
func (c *call) terminal(start func(*inside.Guest) (*inside.PTY, error)) (object, error) {
	g, err := c.guest()
	if err != nil {
		return nil, err
	}
	defer g.Close()
	if c.machine.UID != 0 {
		if own, err := g.OwnUsers(); err != nil || !own {
			return nil, ErrDenied
		}
	}
	pty, err := start(g)
	if errors.Is(err, session.ErrNoBus) {
		return nil, fail(machineIf + ".NoIPC")
	}
	if err != nil {
		return nil, err
	}
	var o object
	c.send(&o, "ptyFileDescriptor", pty.Master)
	o.str("ptyPath", pty.Path())
	return o, nil
}
