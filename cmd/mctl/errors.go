// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/godbus/dbus/v5"
	"github.com/spf13/cobra"

	"machined-go/machine/client"
	"machined-go/machine/image"
)

// Exit statuses of mctl itself.
const (
	exitFailure = 1
	exitUsage   = 2
)

// usageError is a command line that makes no sense.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string {
	return fmt.Sprintf("%v: see `%s --help`", e.err, e.command)
}

func misuse(cmd *cobra.Command, err error) error {
	return &usageError{cmd.CommandPath(), err}
}

// exitStatus ends mctl with a status, and without a word: who returns it has
// said what there is to say.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// report prints each error on a line of its own and gives the exit status.
func (a *app) report(err error) int {
	var status exitStatus
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		fmt.Fprintf(a.err, "mctl: %v\n", usage)
		return exitUsage
	}
	for _, one := range parts(err) {
		fmt.Fprintf(a.err, "mctl: %s\n", explain(one))
	}
	return exitFailure
}

// parts takes joined errors apart.
func parts(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var list []error
	for _, one := range joined.Unwrap() {
		list = append(list, parts(one)...)
	}
	return list
}

// explain says in one line what went wrong, and what to do about it.
func explain(err error) string {
	var call *client.Error
	name := ""
	if errors.As(err, &call) {
		name = call.Object
	}
	text := strings.TrimSuffix(oneLine(err.Error()), ".")
	switch {
	case errors.Is(err, client.ErrNoSuchMachine):
		return fmt.Sprintf("no machine %q is running: start it with `mctl start %s`, or see `mctl list --all`", name, name)
	case errors.Is(err, client.ErrNoSuchImage):
		return fmt.Sprintf("no image %q in /var/lib/machines: see `mctl list --all` for those that are there", name)
	case errors.Is(err, client.ErrNoDaemon):
		return text + ": the machine manager does not answer: see `systemctl status machined-go`"
	case refused(err):
		return refusal(err, call, os.Geteuid())
	case call != nil && strings.HasPrefix(call.Op, "open ") && strings.HasSuffix(call.Name, ".FileNotFound"):
		return text + fmt.Sprintf(": it is still booting, or runs no D-Bus: see `mctl status %s`", name)
	case errors.Is(err, image.ErrNotFound):
		return text + ": see `mctl list --all` for those that are there"
	case errors.Is(err, image.ErrLocked):
		return text + ": see `mctl list` for the machine that runs from it"
	case errors.Is(err, context.Canceled):
		return strings.TrimSuffix(text, ": "+context.Canceled.Error()) + ": interrupted"
	case errors.Is(err, syscall.ENOSPC), call != nil && strings.HasSuffix(text, syscall.ENOSPC.Error()):
		return text + ": see `df -h` and `df -i` for what is full"
	}
	return text
}

// refused says whether polkit or the bus said no, to a call on the machine
// manager or on systemd.
func refused(err error) bool {
	if errors.Is(err, client.ErrNotAuthorized) {
		return true
	}
	var remote dbus.Error
	if !errors.As(err, &remote) {
		return false
	}
	return remote.Name == "org.freedesktop.DBus.Error.AccessDenied" ||
		remote.Name == "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"
}

// refusal says what was refused, by whom, and the way round.
func refusal(err error, call *client.Error, user int) string {
	what := err.Error()
	var remote dbus.Error
	switch {
	case call != nil:
		what = fmt.Sprintf("%s %q", call.Op, call.Object)
	case errors.As(err, &remote):
		what, _, _ = strings.Cut(what, ": ") // what mctl was about, less systemd's part
	}
	if user == 0 {
		return oneLine(what) + ": refused, though asked by root: see `journalctl -u polkit -u dbus`"
	}
	return fmt.Sprintf("%s: polkit refuses user %d the action %s: use sudo, or have an administrator allow the action",
		oneLine(what), user, actionOf(what))
}

// actionOf names the polkit action that guards a call, of which it gets the
// verb phrase.
func actionOf(what string) string {
	actions := []struct{ begin, action string }{
		{"log in", "org.freedesktop.machine1.login"},
		{"open shell", "org.freedesktop.machine1.shell"},
		{"open terminal", "org.freedesktop.machine1.open-pty"},
		{"start", "org.freedesktop.systemd1.manage-units"},
		{"power off", "org.freedesktop.systemd1.manage-units"},
		{"enable", "org.freedesktop.systemd1.manage-unit-files"},
		{"disable", "org.freedesktop.systemd1.manage-unit-files"},
	}
	for _, a := range actions {
		if strings.HasPrefix(what, a.begin) {
			return a.action
		}
	}
	return "org.freedesktop.machine1.manage-machines"
}

func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
