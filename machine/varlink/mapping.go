// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"errors"
	"math"

	"machined-go/machine"
	"machined-go/machine/inside"
)

// idField is a field that holds an id, with what it is called when it fails.
type idField struct {
	name, kind      string
	missing, inHost string
}

func idFields() []idField {
	return []idField{
		{"uid", inside.Users, machineIf + ".NoSuchUser", machineIf + ".UserInHostRange"},
		{"gid", inside.Groups, machineIf + ".NoSuchGroup", machineIf + ".GroupInHostRange"},
	}
}

// id reads such a field; the two largest of 16 and 32 bits mean nobody.
func (c *call) id(name string) (id uint32, given bool, err error) {
	n, given, err := c.number(name, 0, math.MaxUint32-1)
	if err == nil && given && n == math.MaxUint16 {
		err = invalidParameter(name)
	}
	return uint32(n), given, err
}

func checkIDs(c *call) error {
	_, _, err := c.id("uid")
	if err == nil {
		_, _, err = c.id("gid")
	}
	return err
}

// mapFrom tells the host's ids of a machine's user and group.
func mapFrom(c *call) (o object, err error) {
	if c.machine.Class != machine.ClassContainer {
		return nil, fail(machineIf + ".NotSupported")
	}
	g, err := c.guest()
	if err != nil {
		return nil, err
	}
	defer g.Close()
	for _, f := range idFields() {
		id, given, _ := c.id(f.name)
		if !given {
			continue
		}
		host, err := g.HostID(f.kind, id)
		if errors.Is(err, inside.ErrNoShift) {
			return nil, fail(f.missing)
		}
		if err != nil {
			return nil, err
		}
		o.uint(f.name, uint64(host))
	}
	return o, nil
}

// mapTo finds the machine that a user and a group of the host belong to, which
// must be the same.
func mapTo(c *call) (o object, err error) {
	owner := ""
	for _, f := range idFields() {
		id, given, _ := c.id(f.name)
		if !given {
			continue
		}
		if id < firstShifted {
			return nil, fail(f.inHost)
		}
		who, ok := idKind{ids: f.kind}.byHost(c, id)
		if !ok || owner != "" && who.machine != owner {
			return nil, fail(f.missing)
		}
		owner = who.machine
		o.uint(f.name, uint64(who.inside))
	}
	if owner == "" {
		return nil, machine.ErrNoSuchMachine
	}
	o.str("machineName", owner)
	return o, nil
}
