// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"encoding/hex"
	"math"
	"path/filepath"
	"strings"

	"machined-go/machine"
)

const registerFields = "name: string, id: ?string, service: ?string, class: MachineClass, leader: ?int, leaderProcessId: ?ProcessId, " +
	"supervisor: ?int, supervisorProcessId: ?ProcessId, rootDirectory: ?string, ifIndices: ?[]int, vSockCid: ?int, " +
	"sshAddress: ?string, sshPrivateKeyPath: ?string, controlAddress: ?string, allocateUnit: ?bool, " + interactive

// firstCID is the first address that a machine can have (vsock(7)).
const firstCID = 3

// register makes a machine known in the unit that its leader is in, or, with
// allocateUnit, in a scope made for it. The caller becomes its supervisor,
// whatever he says of that.
func register(c *call) (object, error) {
	r, err := c.registration()
	if err != nil {
		return nil, err
	}
	m, err := c.enroll(r)
	if r.Leader != m.Leader {
		r.Leader.Close()
	}
	return nil, err
}

func (c *call) enroll(r machine.Registration) (machine.Machine, error) {
	g := guard{action: machine.ActionRegister, details: func(*call) map[string]string {
		return map[string]string{"name": r.Name, "class": r.Class}
	}}
	if c.flag("allocateUnit") {
		g.action = machine.ActionCreate
	}
	if err := c.allow(g); err != nil {
		return machine.Machine{}, err
	}
	if !owns(&c.conn.peer, r.Leader) {
		return machine.Machine{}, ErrDenied
	}
	if c.flag("allocateUnit") {
		return c.Manager.Create(c.ctx, r, nil)
	}
	return c.Manager.Register(r)
}

// registration reads the fields, with the leader as the last: from then on it
// must be closed.
func (c *call) registration() (r machine.Registration, err error) {
	r = machine.Registration{
		Name: c.str("name"), Service: c.str("service"), Class: c.str("class"), RootDirectory: c.str("rootDirectory"),
		SSHAddress: c.str("sshAddress"), SSHPrivateKeyPath: c.str("sshPrivateKeyPath"), ControlAddress: c.str("controlAddress"),
		UID: c.conn.peer.uid, Supervisor: c.conn.peer.pid, VSockCID: machine.VSockAny,
	}
	switch {
	case !machine.ValidName(r.Name):
		return r, invalidParameter("name")
	case r.Class == machine.ClassHost:
		return r, invalidParameter("class")
	case c.given("rootDirectory") && !filepath.IsAbs(r.RootDirectory):
		return r, invalidParameter("rootDirectory")
	case c.given("sshPrivateKeyPath") && !filepath.IsAbs(r.SSHPrivateKeyPath):
		return r, invalidParameter("sshPrivateKeyPath")
	case c.given("controlAddress") && r.ControlAddress == "":
		return r, invalidParameter("controlAddress")
	}
	for _, name := range []string{"service", "rootDirectory", "sshAddress", "sshPrivateKeyPath", "controlAddress"} {
		if strings.ContainsRune(c.str(name), '\n') {
			return r, invalidParameter(name)
		}
	}
	if r.ID, err = c.machineID(); err != nil {
		return r, err
	}
	if r.NetIf, err = c.interfaces(); err != nil {
		return r, err
	}
	cid, given, err := c.number("vSockCid", firstCID, math.MaxUint32-1)
	if err != nil {
		return r, err
	}
	if given {
		r.VSockCID = uint32(cid)
	}
	r.Leader, err = c.leader()
	return r, err
}

// machineID reads an id, with or without dashes; all zeroes mean none.
func (c *call) machineID() ([]byte, error) {
	if !c.given("id") {
		return nil, nil
	}
	id, err := hex.DecodeString(strings.ReplaceAll(c.str("id"), "-", ""))
	if err != nil || len(id) != 16 {
		return nil, invalidParameter("id")
	}
	return id, nil
}

func (c *call) interfaces() ([]int32, error) {
	list, _ := c.args["ifIndices"].([]any)
	var indices []int32
	for _, v := range list {
		n, _, err := (&call{args: map[string]any{"ifIndices": v}}).number("ifIndices", 1, math.MaxInt32)
		if err != nil {
			return nil, err
		}
		indices = append(indices, int32(n))
	}
	return indices, nil
}

// leader takes hold of the machine's PID 1, the caller if none is named.
func (c *call) leader() (*machine.Process, error) {
	pid, given, err := c.number("leader", 0, math.MaxInt32)
	switch {
	case err != nil || pid == 1:
		return nil, invalidParameter("leader")
	case given && pid != 0:
		p, err := machine.OpenProcess(int(pid))
		if err != nil {
			return nil, invalidParameter("leader")
		}
		return p, nil
	}
	p, err := c.process("leaderProcessId")
	switch {
	case err != nil:
		return nil, invalidParameter("leaderProcessId")
	case p.PID == 1:
		p.Close()
		return nil, invalidParameter("leaderProcessId")
	}
	return p, nil
}
