// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"errors"

	"machined-go/machine"
	"machined-go/machine/inside"
)

// firstShifted is the first id that may belong to a machine: those below are
// the host's own.
const firstShifted = 0x10000

// validID tells whether an id names somebody: the two largest of 16 and 32 bits
// mean nobody.
func validID(id uint32) bool { return id != 0xffffffff && id != 0xffff }

// mapFrom makes the method that tells the host's id of a machine's user or
// group.
func mapFrom(kind, word string) func(*call) ([]any, error) {
	return func(c *call) ([]any, error) {
		id := c.u32(1)
		if !validID(id) {
			return nil, failf(errBus+"InvalidArgs", "Invalid %s ID %d", word, id)
		}
		if err := c.machineByName(c.str(0)); err != nil {
			return nil, err
		}
		if c.machine.Class != machine.ClassContainer {
			return nil, failf(errBus+"InvalidArgs", "Not supported for non-container machines.")
		}
		g, err := c.guest()
		if err != nil {
			return nil, err
		}
		defer g.Close()
		host, err := g.HostID(kind, id)
		if errors.Is(err, inside.ErrNoShift) {
			// NoSuchUserMapping for groups too, as stock has it.
			return nil, failf(errMachine+"NoSuchUserMapping", "Machine '%s' has no matching %s mappings.", c.machine.Name, word)
		}
		if err != nil {
			return nil, err
		}
		return reply(host)
	}
}

// mapTo makes the method that finds the machine of a host's user or group.
func mapTo(kind, word, missing string) func(*call) ([]any, error) {
	return func(c *call) ([]any, error) {
		id := c.u32(0)
		if !validID(id) {
			return nil, failf(errBus+"InvalidArgs", "Invalid %s ID %d", word, id)
		}
		if id < firstShifted {
			return nil, failf(errMachine+missing, "%d belongs to the host's own IDs", id)
		}
		for _, m := range c.manager.List() {
			if m.Class != machine.ClassContainer {
				continue
			}
			c.machine = m
			g, err := c.guest()
			if err != nil {
				continue // it just ended
			}
			own, err := g.OwnID(kind, id)
			g.Close()
			if err == nil {
				return reply(m.Name, machinePath(m.Name), own)
			}
		}
		return nil, failf(errMachine+missing, "No matching %s mapping for %d.", word, id)
	}
}
