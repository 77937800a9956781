// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Host is where on the host the state of connections lies.
type Host struct {
	Notes    string // directory of what has to be undone, a file a machine
	Pins     string // directory of files that keep network namespaces alive
	ZoneLock string // systemd-nspawn's
	PortLock string // held while somebody claims ports
	Machines string // state files of registered machines
	Systemd  string // there if PID 1 is systemd (sd_booted(3))
}

// TheHost is the real one.
func TheHost() Host {
	return Host{
		Notes: "/run/machined-go/network", Pins: "/run/machined-go/netns", PortLock: "/run/machined-go/ports.lock",
		ZoneLock: "/run/systemd/nspawn-network-zone", Machines: "/run/systemd/machines", Systemd: "/run/systemd/system",
	}
}

// Connection is how a machine is joined to the host.
type Connection struct {
	host   Host
	pid    int
	ns     *os.File
	record Record   // what was done so far
	note   *os.File // locked, until the connection is made
	pair   netlink.Link
	index  int
}

// Connect carries out the plan for the machine whose leader is process pid. When it fails, nothing of it is left.
//
// What does not end by itself with the machine is noted beforehand, so that whoever finds the note of a dead machine can undo it;
// the note is locked meanwhile.
func (p Plan) Connect(h Host, pid int) (*Connection, error) {
	c := &Connection{host: h, pid: pid, record: Record{Machine: p.Machine, Leader: pid}}
	if len(p.Ops) == 0 {
		return c, nil
	}
	err := c.begin(p.Ops)
	for i := 0; i < len(p.Ops) && err == nil; i++ {
		before := c.record
		p.Ops[i].mark(&c.record)
		if err = p.Ops[i].apply(c); err != nil {
			c.record = before
		}
	}
	if err != nil {
		c.Undo()
		return nil, err
	}
	c.settle()
	return c, nil
}

// begin notes what the operations will need to have undone.
func (c *Connection) begin(ops []Op) (err error) {
	if c.ns, err = os.Open(fmt.Sprintf("/proc/%d/ns/net", c.pid)); err != nil {
		return err
	}
	if c.record.Namespace, err = inode(c.ns); err != nil {
		return err
	}
	if !slices.ContainsFunc(ops, lasting) {
		return nil
	}
	if c.note, err = c.host.claim(c.record.Machine); err != nil {
		return err
	}
	all := c.record
	for _, op := range ops {
		op.mark(&all)
	}
	if err := c.host.write(c.note, all); err != nil || !all.pins() {
		return err
	}
	return sys.Pin(int(c.ns.Fd()), c.host.pin(c.record.Machine))
}

// lasting tells whether somebody must undo op when the machine ends. A pair alone goes with the machine's namespace.
func lasting(op Op) bool {
	switch op := op.(type) {
	case Veth:
		return op.Machine == ""
	case Join:
		return op.Zone
	}
	return true
}

// settle lets others look at the note.
func (c *Connection) settle() {
	c.ns.Close()
	c.ns = nil
	if c.note != nil {
		c.note.Close()
	}
}

// Index is the number, on the host, of the interface through which the host sees the machine: its bridge, or the end of its pair;
// 0 if there is none.
func (c *Connection) Index() int { return c.index }

// Lasts tells whether there is something to undo when the machine ends.
func (c *Connection) Lasts() bool { return c.note != nil }

// Undo takes everything back, at a failed start or when the machine has ended. What fails is left to the kernel, which takes down
// everything with the namespace.
func (c *Connection) Undo() {
	switch {
	case c.note == nil:
		_ = c.record.undo(c.host, c.ns)
	case c.ns == nil:
		_ = c.host.End(c.record)
	default:
		_ = c.record.undo(c.host, c.ns)
		_ = sys.Unpin(c.host.pin(c.record.Machine))
		_ = os.Remove(c.note.Name()) // while it is locked
	}
	if c.ns != nil {
		c.settle()
	}
}

// Within runs f on a thread in the network namespace.
func Within(ns *os.File, f func() error) error {
	if err := sys.InNetwork(int(ns.Fd()), f); err != nil {
		return fmt.Errorf("in network namespace of the machine: %w", err)
	}
	return nil
}

func inode(f *os.File) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return st.Ino, nil
}
