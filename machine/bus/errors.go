// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"machined-go/machine"
	"machined-go/machine/image"
	"machined-go/machine/inside"
	"machined-go/machine/systemd1"
)

const (
	errBus     = "org.freedesktop.DBus.Error."
	errMachine = "org.freedesktop.machine1."
)

// busError is an error that knows its name on the bus.
type busError struct{ name, text string }

func (e *busError) Error() string { return e.text }

func failf(name, format string, args ...any) error {
	return &busError{name: name, text: fmt.Sprintf(format, args...)}
}

// named gives errors of ours their names on the bus.
var named = []struct {
	err  error
	name string
}{
	{machine.ErrNoSuchMachine, errMachine + "NoSuchMachine"},
	{machine.ErrMachineExists, errMachine + "MachineExists"},
	{machine.ErrNoMachineForPID, errMachine + "NoMachineForPID"},
	{machine.ErrNotHost, errBus + "NotSupported"},
	{machine.ErrNotAlone, errBus + "NotSupported"},
	{systemd1.ErrNoFreezer, errBus + "NotSupported"},
	{machine.ErrPaused, "System.Error.EBUSY"},
	{systemd1.ErrUnitBusy, "org.freedesktop.systemd1.UnitExists"},
	{image.ErrNotFound, errMachine + "NoSuchImage"},
	{image.ErrLocked, "System.Error.EBUSY"},
	{inside.ErrNotBound, errBus + "InvalidArgs"},
}

// errnoName names what came from the kernel as sd-bus does: a few errors of
// the standard interfaces, all others as System.Error.EXXX.
var errnoName = map[unix.Errno]string{
	unix.EPERM: "AccessDenied", unix.EACCES: "AccessDenied", unix.EINVAL: "InvalidArgs", unix.ENOMEM: "NoMemory",
	unix.ENOENT: "FileNotFound", unix.EEXIST: "FileExists", unix.EOPNOTSUPP: "NotSupported", unix.ESRCH: "UnixProcessIdUnknown",
	unix.ETIMEDOUT: "Timeout", unix.ETIME: "Timeout", unix.EIO: "IOError", unix.ENOBUFS: "LimitsExceeded",
	unix.ECONNRESET: "Disconnected", unix.ECONNABORTED: "Disconnected", unix.ENETRESET: "Disconnected",
}

// busName gives the name and text under which an error goes over the bus.
func busName(err error) (name, text string) {
	var be *busError
	var de dbus.Error
	var ie *machine.InvalidError
	var je *systemd1.JobError
	var errno unix.Errno
	switch {
	case errors.As(err, &be):
		return be.name, be.text
	case errors.As(err, &ie):
		return errBus + "InvalidArgs", err.Error()
	case errors.As(err, &je):
		return "org.freedesktop.systemd1.JobFailed", err.Error()
	}
	for _, n := range named {
		if errors.Is(err, n.err) {
			return n.name, err.Error()
		}
	}
	switch {
	case errors.As(err, &errno):
		if n, ok := errnoName[errno]; ok {
			return errBus + n, err.Error()
		}
		return "System.Error." + unix.ErrnoName(errno), err.Error()
	case errors.As(err, &de):
		return de.Name, de.Error()
	}
	return errBus + "Failed", err.Error()
}
