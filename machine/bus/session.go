// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"
	"fmt"
	"strings"

	"machined-go/machine"
	"machined-go/machine/inside"
	"machined-go/machine/session"
)

// openLogin starts a getty of the machine's on a new terminal.
func openLogin(c *call) ([]any, error) {
	return c.onTerminal(func(g *inside.Guest) (*inside.PTY, error) { return session.Login(c.ctx, g) })
}

// openShell starts a program as a service of the machine's on a new terminal.
func openShell(c *call) ([]any, error) {
	shell, err := c.shell()
	if err != nil {
		return nil, err
	}
	return c.onTerminal(func(g *inside.Guest) (*inside.PTY, error) { return shell.Open(c.ctx, g) })
}

// onTerminal hands out the terminal that is opened in the machine.
func (c *call) onTerminal(open func(*inside.Guest) (*inside.PTY, error)) ([]any, error) {
	g, err := c.session()
	if err != nil {
		return nil, err
	}
	defer g.Close()
	if c.machine.Paused() {
		return nil, fmt.Errorf("machine %q: %w", c.machine.Name, machine.ErrPaused)
	}
	pty, err := open(g)
	if errors.Is(err, session.ErrNoBus) {
		return nil, failf(errBus+"FileNotFound", "Machine %s has no system bus: %v", c.machine.Name, err)
	}
	if err != nil {
		return nil, err
	}
	return reply(c.send(pty.Master), pty.Path())
}

// shell reads the arguments of OpenShell.
func (c *call) shell() (session.Shell, error) {
	s := session.Shell{User: c.str(0), Path: c.str(1), Args: c.strs(2), Env: c.strs(3)}
	if err := s.Check(); err != nil {
		return s, failf(errBus+"InvalidArgs", "%v", err)
	}
	return s, nil
}

// shellDetails is what polkit is told of a shell.
func shellDetails(c *call) map[string]string {
	s, err := c.shell()
	if err != nil {
		return nil
	}
	cmd := s.Command()
	return map[string]string{"user": s.User, "program": cmd.Path, "command_line": strings.Join(cmd.Args, " ")}
}
