// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"

	"machined-go/boot/sys"
)

// Record is what there is to undo when a machine ends, and what has to go on while it runs.
type Record struct {
	Machine   string
	Leader    int    // process number of its first process
	Namespace uint64 // inode number of its network namespace, which tells its leader from another process of that number

	Links  []Link   `json:",omitempty"` // interfaces made on the host
	Zone   string   `json:",omitempty"` // bridge to remove unless others use it
	Moved  []Moved  `json:",omitempty"` // interfaces to give back
	Inside []string `json:",omitempty"` // names of interfaces to remove in the machine
	Given  []string `json:",omitempty"` // names of all interfaces that it was given
	Ports  []Port   `json:",omitempty"` // ports of the host that lead into it
}

// pins tells whether the namespace must outlive the machine for a moment, so that interfaces can be taken out of it.
func (r Record) pins() bool { return len(r.Moved)+len(r.Inside) > 0 }

// Alive tells whether the machine of the record runs.
func (r Record) Alive() bool {
	f, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", r.Leader))
	if err != nil {
		return false
	}
	defer f.Close()
	n, err := inode(f)
	return err == nil && n == r.Namespace
}

// same tells whether two records are of the same run of a machine.
func (r Record) same(s Record) bool {
	return r.Machine == s.Machine && r.Leader == s.Leader && r.Namespace == s.Namespace
}

// undo undoes what the record of a noted machine says; its namespace is needed no more.
func (h Host) undo(r Record) error {
	pin := h.pin(r.Machine)
	ns, err := os.Open(pin)
	if err != nil {
		return r.undo(h, nil)
	}
	inside := ns
	if n, err := inode(ns); err != nil || n != r.Namespace {
		inside = nil // of another run
	}
	err = r.undo(h, inside)
	ns.Close()
	return errors.Join(err, sys.Unpin(pin))
}

// undo undoes what the record says as far as it is there to be undone, whatever fails. ns is the machine's network namespace; without
// it there is nothing to be done inside.
func (r Record) undo(h Host, ns *os.File) error {
	var errs []error
	if r.pins() && ns != nil {
		errs = append(errs, r.empty(ns))
	}
	for _, l := range r.Links {
		_, err := l.remove()
		errs = append(errs, err)
	}
	if r.Zone != "" {
		errs = append(errs, h.leaveZone(r.Zone))
	}
	return errors.Join(errs...)
}

// empty takes out of the machine's namespace what must not end, or go on, with it.
func (r Record) empty(ns *os.File) error {
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	return Within(ns, func() error {
		var errs []error
		for _, name := range r.Inside {
			link, err := netlink.LinkByName(name)
			if err == nil {
				err = netlink.LinkDel(link)
			}
			if err != nil && !isGone(err) {
				errs = append(errs, fmt.Errorf("remove interface %q of the machine: %w", name, err))
			}
		}
		for _, m := range r.Moved {
			errs = append(errs, m.giveBack(home))
		}
		return errors.Join(errs...)
	})
}

func (h Host) pin(machine string) string { return filepath.Join(h.Pins, machine) }
