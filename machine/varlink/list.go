// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"encoding/hex"
	"errors"
	"sort"
	"sync"

	"machined-go/machine"
	"machined-go/machine/inside"
)

const listFields = "name: string, id: ?string, service: ?string, class: MachineClass, leader: ?ProcessId, supervisor: ?ProcessId, " +
	"rootDirectory: ?string, unit: ?string, timestamp: ?Timestamp, vSockCid: ?int, sshAddress: ?string, sshPrivateKeyPath: ?string, " +
	"controlAddress: ?string, addresses: ?[]Address, OSRelease: ?[]string, UIDShift: ?int, subgroup: ?string, UID: ?int"

// list tells of one machine, or of all to a caller that said "more".
func list(c *call) (object, error) {
	if c.given("name") || c.given("pid") {
		if err := c.findMachine(); err != nil {
			return nil, err
		}
		return c.card(c.machine)
	}
	if err := wantMore(c); err != nil {
		return nil, err
	}
	if !c.metadata() {
		c.answered = true
		return nil, c.raw(c.Server.listReply())
	}
	all := c.Manager.List()
	for i, m := range all {
		o, err := c.card(m)
		if err != nil || i == len(all)-1 {
			return o, err
		}
		if err := c.part(o); err != nil {
			return nil, err
		}
	}
	return nil, machine.ErrNoSuchMachine // never, the host is always there
}

// metadata tells whether the caller wants what lies inside machines too.
func (c *call) metadata() bool {
	word := c.str("acquireMetadata")
	return word != "" && word != "no"
}

// listCache is the whole reply to List, which changes only with the table.
type listCache struct {
	mu    sync.Mutex
	turn  uint64
	reply []byte
}

func (s *Server) listReply() []byte {
	c := &s.list
	c.mu.Lock()
	defer c.mu.Unlock()
	turn := s.turn.Load() // before List: what comes meanwhile makes this stale
	if c.reply != nil && c.turn == turn {
		return c.reply
	}
	all := s.Manager.List()
	b := make([]byte, 0, 512*len(all))
	for i := range all {
		b = appendReply(b, s.facts(&all[i]), i < len(all)-1)
	}
	c.turn, c.reply = turn, b
	return b
}

// facts are a machine's own, without what lies inside.
func (s *Server) facts(m *machine.Machine) object {
	o := make(object, 0, 512)
	o.str("name", m.Name)
	if m.HasID() {
		o.str("id", hex.EncodeToString(m.ID[:]))
	}
	o.str("class", m.Class)
	o.text("service", m.Service)
	o.text("rootDirectory", m.RootDirectory)
	o.text("unit", m.Unit)
	o.text("subgroup", m.Subgroup)
	id := m.Leader.ID
	if m.IsHost() {
		id = s.host
	}
	o.object("leader", s.processID(m.Leader.PID, id))
	if m.Supervisor > 0 {
		o.object("supervisor", s.processID(m.Supervisor, m.SupervisorID))
	}
	var when object
	when.uint("realtime", m.Realtime)
	when.uint("monotonic", m.Monotonic)
	o.object("timestamp", when)
	o.number("vSockCid", uint64(m.VSockCID), m.VSockCID != machine.VSockAny)
	o.text("sshAddress", m.SSHAddress)
	o.text("sshPrivateKeyPath", m.SSHPrivateKeyPath)
	o.text("controlAddress", m.ControlAddress)
	o.uint("UID", uint64(m.UID))
	return o
}

func (s *Server) processID(pid int, id uint64) object {
	var o object
	o.uint("pid", uint64(pid))
	o.number("pidfdId", id, id != 0)
	o.text("bootId", s.boot)
	return o
}

// card is all that is to be told of a machine, with what lies inside if the
// caller wants it. With "graceful" what cannot be had is left out.
func (c *call) card(m machine.Machine) (object, error) {
	o := c.facts(&m)
	if !c.metadata() {
		return o, nil
	}
	c.machine = m
	graceful := c.str("acquireMetadata") == "graceful"
	g, err := c.lookInside()
	if err != nil {
		if graceful {
			err = nil
		}
		return o, err
	}
	defer g.Close()
	for _, add := range []func(*inside.Guest, *object) error{addAddresses, addRelease, addShift} {
		if err := add(g, &o); err != nil && !graceful {
			return nil, err
		}
	}
	return o, nil
}

// lookInside opens a machine for what everybody may know of it. What a user
// laid out for us to read may be another file of the host's, so that needs
// authorization.
func (c *call) lookInside() (*inside.Guest, error) {
	if c.machine.UID != 0 {
		if err := c.allow(guard{action: machine.ActionInspect, verb: "get_os_release"}); err != nil {
			return nil, err
		}
	}
	return c.guest()
}

func addAddresses(g *inside.Guest, o *object) error {
	list, err := g.Addresses()
	if errors.Is(err, inside.ErrNoPrivateNetwork) {
		return nil // it has the host's, as stock leaves them out too
	}
	if err != nil || len(list) == 0 {
		return err
	}
	rows := make([]object, len(list))
	for i, a := range list {
		rows[i].uint("ifindex", uint64(a.Interface))
		rows[i].uint("family", uint64(a.Family))
		rows[i].bytes("address", a.Bytes)
	}
	o.objects("addresses", rows)
	return nil
}

func addRelease(g *inside.Guest, o *object) error {
	vars, err := g.OSRelease()
	if err != nil {
		return err
	}
	o.strs("OSRelease", assignments(vars))
	return nil
}

// assignments are NAME=VALUE, by name.
func assignments(vars map[string]string) []string {
	list := make([]string, 0, len(vars))
	for k, v := range vars {
		list = append(list, k+"="+v)
	}
	sort.Strings(list)
	return list
}

func addShift(g *inside.Guest, o *object) error {
	shift, err := g.Shift()
	if err != nil {
		return err
	}
	o.uint("UIDShift", uint64(shift))
	return nil
}
