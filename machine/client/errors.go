// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// What a caller can act on; every error of a Client that has one of these
// causes answers to errors.Is.
var (
	// ErrNoSuchMachine: no machine of that name is registered.
	ErrNoSuchMachine = errors.New("no such machine")
	// ErrNoMachineForPID: the process belongs to no machine.
	ErrNoMachineForPID = errors.New("process belongs to no machine")
	// ErrNoSuchImage: no image of that name is in the search path.
	ErrNoSuchImage = errors.New("no such image")
	// ErrMachineExists: the name is taken by another machine.
	ErrMachineExists = errors.New("machine exists already")
	// ErrNotAuthorized: the bus policy or polkit refused the caller.
	ErrNotAuthorized = errors.New("not authorized")
	// ErrNoDaemon: no machine manager answers, or the bus cannot start one.
	ErrNoDaemon = errors.New("no machine manager on the bus")
	// ErrNoPrivateNetworking: the machine shares the host's network.
	ErrNoPrivateNetworking = errors.New("machine has no network of its own")
	// ErrNotSupported: the manager cannot do that for this kind of machine.
	ErrNotSupported = errors.New("not supported for this machine")
)

// Error is a call that failed: what was tried, on what, and why.
type Error struct {
	Op      string // verb phrase, as "kill machine"
	Object  string // the name it was tried on, may be empty
	Name    string // D-Bus error name, empty if the call never got an answer
	Message string // the manager's own words
	cause   error
}

func (e *Error) Error() string {
	if e.Object == "" {
		return e.Op + ": " + e.Message
	}
	return fmt.Sprintf("%s %q: %s", e.Op, e.Object, e.Message)
}

// Unwrap gives one of the sentinels above, or what broke the call, or nil.
func (e *Error) Unwrap() error { return e.cause }

// failed wraps the error of a call; nil stays nil.
func failed(op, object string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Op: op, Object: object, Message: err.Error(), cause: err}
	var remote dbus.Error
	switch {
	case errors.As(err, &remote):
		e.Name, e.cause = remote.Name, sentinel(remote.Name)
		if len(remote.Body) > 0 {
			e.Message = fmt.Sprint(remote.Body[0])
		}
	case errors.Is(err, dbus.ErrClosed), errors.Is(err, io.EOF):
		e.Message, e.cause = "connection to the bus lost", ErrNoDaemon
	}
	return e
}

// sentinel maps D-Bus error names; nil if a caller can do nothing special.
func sentinel(name string) error {
	switch name {
	case machine1Name + ".NoSuchMachine":
		return ErrNoSuchMachine
	case machine1Name + ".NoMachineForPID":
		return ErrNoMachineForPID
	case machine1Name + ".NoSuchImage":
		return ErrNoSuchImage
	case machine1Name + ".MachineExists":
		return ErrMachineExists
	case machine1Name + ".NoPrivateNetworking":
		return ErrNoPrivateNetworking
	case "org.freedesktop.DBus.Error.NotSupported":
		return ErrNotSupported
	case "org.freedesktop.DBus.Error.AccessDenied",
		"org.freedesktop.DBus.Error.AuthFailed",
		"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired":
		return ErrNotAuthorized
	}
	if absent(name) {
		return ErrNoDaemon
	}
	return nil
}

// absent says whether an error name means that nobody answered: the manager
// was not there, could not be started, or died before its reply.
func absent(name string) bool {
	switch name {
	case "org.freedesktop.DBus.Error.ServiceUnknown",
		"org.freedesktop.DBus.Error.NameHasNoOwner",
		"org.freedesktop.DBus.Error.NoReply",
		"org.freedesktop.DBus.Error.Disconnected",
		"org.freedesktop.DBus.Error.TimedOut",
		"org.freedesktop.systemd1.NoSuchUnit",
		"org.freedesktop.systemd1.LoadFailed",
		"org.freedesktop.systemd1.UnitMasked",
		"org.freedesktop.systemd1.ShuttingDown":
		return true
	}
	return strings.HasPrefix(name, "org.freedesktop.DBus.Error.Spawn.")
}

// gone reports whether an object path was unknown to the manager, which is how
// a machine or image that is not there looks to a call on its own object.
func gone(err error) bool {
	var remote dbus.Error
	return errors.As(err, &remote) && remote.Name == "org.freedesktop.DBus.Error.UnknownObject"
}

// worthWaiting gives how long to repeat a call that failed with err, in the
// hope that it succeeds on the manager's next life; negative if it is hopeless.
func worthWaiting(ctx context.Context, err error) time.Duration {
	var remote dbus.Error
	switch {
	case ctx.Err() != nil || !errors.As(err, &remote) || !absent(remote.Name):
		return -1
	case remote.Name == "org.freedesktop.DBus.Error.ServiceUnknown":
		return patienceUnknown
	}
	return patience
}
