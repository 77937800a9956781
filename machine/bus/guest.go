// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"
	"time"

	"machined-go/machine"
	"machined-go/machine/bus/wire"
	"machined-go/machine/inside"
)

func getSSHInfo(c *call) ([]any, error) {
	m := &c.machine
	if m.SSHAddress == "" || m.SSHPrivateKeyPath == "" {
		return nil, failf(errBus+"FileNotFound", "No SSH information is known of machine '%s'.", m.Name)
	}
	return reply(validText(m.SSHAddress), validText(m.SSHPrivateKeyPath))
}

// promptly is how long the kernel may take to tell addresses for the next such
// call to be answered before the next message is read. Where machines keep its
// network busy, older kernels let all others wait.
const promptly = 2 * time.Millisecond

func getAddresses(c *call) ([]any, error) {
	g, err := c.guest()
	if err != nil {
		return nil, err
	}
	defer g.Close()
	asked := time.Now()
	list, err := g.Addresses()
	c.Server.waits.Store(time.Since(asked) > promptly)
	if errors.Is(err, inside.ErrNoPrivateNetwork) {
		return nil, failf(errMachine+"NoPrivateNetworking", "Machine %s does not use private networking", c.machine.Name)
	}
	if err != nil {
		return nil, err
	}
	e := make(wire.Encoder, 0, 32*len(list)+8)
	e.Array(8, func() {
		for _, a := range list {
			e.Align(8)
			e.Uint32(uint32(a.Family))
			e.Array(1, func() { e = append(e, a.Bytes...) })
		}
	})
	return reply(encoded(e))
}

// getOSRelease reads for everybody, but not what a user laid out for us to
// read: such a machine's os-release may be another file of the host's.
func getOSRelease(c *call) ([]any, error) {
	if c.machine.UID != 0 {
		if err := c.allow(guard{action: machine.ActionInspect, verb: "get_os_release"}); err != nil {
			return nil, err
		}
	}
	g, err := c.guest()
	if err != nil {
		return nil, err
	}
	defer g.Close()
	fields, err := g.OSRelease()
	if errors.Is(err, inside.ErrNoOSRelease) {
		return nil, failf(errBus+"Failed", "Machine does not contain OS release information")
	}
	if err != nil {
		return nil, err
	}
	return reply(fields)
}

func getUIDShift(c *call) ([]any, error) {
	if c.machine.Class == machine.ClassHost {
		return reply(uint32(0))
	}
	g, err := c.guest()
	if err != nil {
		return nil, err
	}
	defer g.Close()
	shift, err := g.Shift()
	if errors.Is(err, inside.ErrNoShift) {
		return nil, failf(errBus+"NotSupported", "Machine %s uses complex UID/GID mapping, cannot determine UID shift", c.machine.Name)
	}
	if err != nil {
		return nil, err
	}
	return reply(shift)
}

func openRoot(c *call) ([]any, error) {
	g, err := c.guest()
	if err != nil {
		return nil, err
	}
	defer g.Close()
	root, err := g.Root()
	if err != nil {
		return nil, err
	}
	return reply(c.send(root))
}

func openPTY(c *call) ([]any, error) {
	g, err := c.session()
	if err != nil {
		return nil, err
	}
	defer g.Close()
	pty, err := g.OpenPTY()
	if err != nil {
		return nil, err
	}
	return reply(c.send(pty.Master), pty.Path())
}
