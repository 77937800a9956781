// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"errors"

	"golang.org/x/sys/unix"

	"machined-go/machine"
	"machined-go/machine/image"
	"machined-go/machine/inside"
	"machined-go/machine/systemd1"
)

const (
	serviceIf = "org.varlink.service"
	machineIf = "io.systemd.Machine"
	imageIf   = "io.systemd.MachineImage"
)

// wireError is an error that knows its name on the wire.
type wireError struct {
	name   string
	params object
}

func (e *wireError) Error() string { return e.name }

func fail(name string) error { return &wireError{name: name} }

// failWith is an error with one parameter.
func failWith(name, key, value string) error {
	e := &wireError{name: name}
	e.params.str(key, value)
	return e
}

func invalidParameter(name string) error {
	return failWith(serviceIf+".InvalidParameter", "parameter", name)
}

// system is how errors of the kernel go over the wire.
func system(errno unix.Errno) *wireError {
	e := &wireError{name: "io.systemd.System"}
	e.params.str("origin", "linux")
	e.params.uint("errno", uint64(errno))
	name := unix.ErrnoName(errno)
	if errno == unix.EOPNOTSUPP {
		name = "EOPNOTSUPP" // of two names for it, systemd's
	}
	e.params.text("errnoName", name)
	return e
}

// named gives errors of ours their names.
var named = []struct {
	err  error
	name string
}{
	{machine.ErrNoSuchMachine, machineIf + ".NoSuchMachine"},
	{machine.ErrNoMachineForPID, machineIf + ".NoSuchMachine"},
	{machine.ErrMachineExists, machineIf + ".MachineExists"},
	{inside.ErrNoPrivateNetwork, machineIf + ".NoPrivateNetworking"},
	{inside.ErrNoOSRelease, machineIf + ".NoOSReleaseInformation"},
	{inside.ErrNoShift, machineIf + ".NoUIDShift"},
	{machine.ErrNotAlone, instanceIf + ".NotSupported"},
	{systemd1.ErrNoFreezer, instanceIf + ".NotSupported"},
	{image.ErrNotFound, imageIf + ".NoSuchImage"},
	{image.ErrNoQuota, imageIf + ".NotSupported"},
}

// wireErrorOf finds the name and parameters under which an error is sent.
func wireErrorOf(err error) *wireError {
	var we *wireError
	var ie *machine.InvalidError
	var je *systemd1.JobError
	var errno unix.Errno
	if errors.As(err, &we) {
		return we
	}
	for _, n := range named {
		if errors.Is(err, n.err) {
			return &wireError{name: n.name}
		}
	}
	switch {
	case errors.Is(err, machine.ErrNotHost):
		return system(unix.EOPNOTSUPP)
	case errors.Is(err, image.ErrLocked), errors.Is(err, machine.ErrPaused):
		return system(unix.EBUSY)
	case errors.As(err, &ie):
		return system(unix.EINVAL)
	case errors.As(err, &je):
		return system(unix.EPROTO)
	case errors.Is(err, systemd1.ErrUnitBusy):
		return system(unix.EEXIST)
	case errors.As(err, &errno):
		return system(errno)
	}
	return system(unix.EIO)
}
