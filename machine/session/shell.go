// SPDX-License-Identifier: Apache-2.0

package session

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"

	"machined-go/machine/inside"
	"machined-go/machine/systemd1"
)

// Shell is a program to run in a machine, as OpenShell of machine1 has it.
type Shell struct {
	User string   // root if empty
	Path string   // the user's own shell if empty, else absolute
	Args []string // with the program's name as the first; Path if empty
	Env  []string // NAME=VALUE
}

// FieldError says which field of a Shell is wrong and why.
type FieldError struct{ Field, Reason string }

func (e *FieldError) Error() string { return e.Reason }

// Check fills in the defaults, or gives a *FieldError.
func (s *Shell) Check() error {
	if s.User == "" {
		s.User = "root"
	}
	if strings.ContainsAny(s.User, ":/\n\t ") || len(s.User) > 256 {
		return &FieldError{"user", fmt.Sprintf("Invalid user name '%s'", s.User)}
	}
	if s.Path != "" && !filepath.IsAbs(s.Path) {
		return &FieldError{"path", fmt.Sprintf("Specified path '%s' is not absolute", s.Path)}
	}
	for _, v := range s.Env {
		if !validAssignment(v) {
			return &FieldError{"environment", "Invalid environment assignments"}
		}
	}
	return nil
}

// loginShell runs the user's own shell, as the machine's user database has it.
const loginShell = `shell=$(getent passwd "$1" 2>/dev/null | { IFS=: read _ _ _ _ _ _ x; echo "$x"; })
[ -n "$shell" ] || shell=/bin/sh
exec "$shell" -l`

// Command is what will run.
func (s *Shell) Command() systemd1.Command {
	c := systemd1.Command{Path: s.Path, Args: s.Args, IgnoreFailure: true}
	switch {
	case s.Path == "":
		c.Path, c.Args = "/bin/sh", []string{"sh", "-c", loginShell, "sh", s.User}
	case len(s.Args) == 0:
		c.Args = []string{s.Path}
	}
	return c
}

// properties are those of the transient service.
func (s *Shell) properties(pty *inside.PTY, slave dbus.UnixFD) []systemd1.Property {
	p := systemd1.Prop
	props := []systemd1.Property{
		p("Description", "Shell for User "+s.User),
		p("StandardInputFileDescriptor", slave), p("StandardOutputFileDescriptor", slave), p("StandardErrorFileDescriptor", slave),
		p("SendSIGHUP", true), p("IgnoreSIGPIPE", false), p("KillMode", "mixed"),
		p("TTYPath", pty.Path()), p("TTYReset", true),
		p("UtmpIdentifier", fmt.Sprintf("pts/%d", pty.Number)), p("UtmpMode", "user"),
		p("PAMName", "login"), p("WorkingDirectory", "-~"), p("User", s.User),
	}
	if len(s.Env) > 0 {
		props = append(props, p("Environment", s.Env))
	}
	return append(props, p("ExecStart", []systemd1.Command{s.Command()}))
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
