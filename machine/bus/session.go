// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"machined-go/machine/inside"
	"machined-go/machine/systemd1"
)

// openLogin starts a getty of the machine's on a new terminal.
func openLogin(c *call) ([]any, error) {
	return c.onTerminal(func(units *systemd1.Conn, pty *inside.PTY) error {
		return units.QueueStart(c.ctx, fmt.Sprintf("container-getty@%d.service", pty.Number), "replace")
	})
}

// openShell starts a program as a service of the machine's on a new terminal.
func openShell(c *call) ([]any, error) {
	user, cmd, err := c.shellCommand()
	if err != nil {
		return nil, err
	}
	env := c.strs(3)
	for _, v := range env {
		if !validAssignment(v) {
			return nil, failf(errBus+"InvalidArgs", "Invalid environment assignments")
		}
	}
	return c.onTerminal(func(units *systemd1.Conn, pty *inside.PTY) error {
		slave, err := pty.Slave()
		if err != nil {
			return err
		}
		defer slave.Close()
		props := shellProperties(user, cmd, env, pty, dbus.UnixFD(slave.Fd()))
		return units.QueueService(c.ctx, fmt.Sprintf("container-shell@%d.service", pty.Number), props)
	})
}

// onTerminal opens a terminal in the machine, lets the machine's systemd start
// something there, and hands the terminal out.
func (c *call) onTerminal(start func(*systemd1.Conn, *inside.PTY) error) ([]any, error) {
	g, err := c.session()
	if err != nil {
		return nil, err
	}
	defer g.Close()
	pty, err := g.OpenPTY()
	if err != nil {
		return nil, err
	}
	master := c.send(pty.Master)
	conn, err := g.Bus(c.ctx)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		return nil, failf(errBus+"FileNotFound", "Machine %s has no system bus: %v", c.machine.Name, err)
	}
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := start(systemd1.On(conn), pty); err != nil {
		return nil, err
	}
	return reply(master, pty.Path())
}

// loginShell runs the user's own shell, as the machine's user database has it.
const loginShell = `shell=$(getent passwd "$1" 2>/dev/null | { IFS=: read _ _ _ _ _ _ x; echo "$x"; })
[ -n "$shell" ] || shell=/bin/sh
exec "$shell" -l`

// shellCommand reads user, path and arguments of OpenShell.
func (c *call) shellCommand() (user string, cmd systemd1.Command, err error) {
	user = c.str(0)
	if user == "" {
		user = "root"
	}
	if strings.ContainsAny(user, ":/\n\t ") || len(user) > 256 {
		return "", cmd, failf(errBus+"InvalidArgs", "Invalid user name '%s'", validText(user))
	}
	cmd.IgnoreFailure = true
	switch path := c.str(1); {
	case path == "":
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", loginShell, "sh", user}
	case !filepath.IsAbs(path):
		return "", cmd, failf(errBus+"InvalidArgs", "Specified path '%s' is not absolute", path)
	default:
		cmd.Path, cmd.Args = path, c.strs(2)
		if len(cmd.Args) == 0 {
			cmd.Args = []string{path}
		}
	}
	return user, cmd, nil
}

// shellDetails is what polkit is told of a shell.
func shellDetails(c *call) map[string]string {
	user, cmd, err := c.shellCommand()
	if err != nil {
		return nil
	}
	return map[string]string{"user": user, "program": cmd.Path, "command_line": strings.Join(cmd.Args, " ")}
}

func shellProperties(user string, cmd systemd1.Command, env []string, pty *inside.PTY, slave dbus.UnixFD) []systemd1.Property {
	p := systemd1.Prop
	props := []systemd1.Property{
		p("Description", "Shell for User "+user),
		p("StandardInputFileDescriptor", slave), p("StandardOutputFileDescriptor", slave), p("StandardErrorFileDescriptor", slave),
		p("SendSIGHUP", true), p("IgnoreSIGPIPE", false), p("KillMode", "mixed"),
		p("TTYPath", pty.Path()), p("TTYReset", true),
		p("UtmpIdentifier", fmt.Sprintf("pts/%d", pty.Number)), p("UtmpMode", "user"),
		p("PAMName", "login"), p("WorkingDirectory", "-~"), p("User", user),
	}
	if len(env) > 0 {
		props = append(props, p("Environment", env))
	}
	return append(props, p("ExecStart", []systemd1.Command{cmd}))
}

// validAssignment tells whether s is NAME=VALUE.
func validAssignment(s string) bool {
	name, _, ok := strings.Cut(s, "=")
	if !ok || name == "" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
