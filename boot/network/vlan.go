// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// VLAN is an interface of a machine that shares one of the host: a MACVLAN with a hardware address of its own, in bridge mode, or an
// IPVLAN with the parent's, in mode L2.
type VLAN struct {
	Kind        string // "macvlan" or "ipvlan"
	Parent      string
	Name        string // in the machine
	Alternative string
	MAC         net.HardwareAddr
}

func (v VLAN) String() string {
	text := fmt.Sprintf("%s %s of %s in the machine", v.Kind, v.Name, v.Parent)
	if v.MAC != nil {
		text += fmt.Sprintf(" (%s)", v.MAC)
	}
	return text
}

// mark has the interface removed in the end: a namespace that some socket keeps alive would go on using the address.
func (v VLAN) mark(r *Record) {
	r.Inside = append(r.Inside, v.Name)
	r.Given = append(r.Given, v.Name)
}

func (v VLAN) apply(c *Connection) error {
	parent, err := find(v.Parent)
	if err != nil {
		return err
	}
	attrs := netlink.LinkAttrs{
		Name: v.Name, ParentIndex: parent.Attrs().Index, HardwareAddr: v.MAC, TxQLen: -1, Namespace: netlink.NsFd(c.ns.Fd()),
	}
	var link netlink.Link = &netlink.IPVlan{LinkAttrs: attrs, Mode: netlink.IPVLAN_MODE_L2}
	if v.Kind == "macvlan" {
		link = &netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}
	}
	err = netlink.LinkAdd(link)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("add %s to %q: this kernel has no %s", v.Kind, v.Parent, v.Kind)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("add %s to %q: this interface cannot have any", v.Kind, v.Parent)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("add %s to %q: the interface is a port of a bridge, or shared in another way", v.Kind, v.Parent)
	case err != nil:
		return fmt.Errorf("add %s to %q: %w", v.Kind, v.Parent, err)
	}
	if v.Alternative == "" {
		return nil
	}
	return Within(c.ns, func() error {
		link, err := netlink.LinkByName(v.Name)
		if err != nil {
			return fmt.Errorf("look up %s %q in the machine: %w", v.Kind, v.Name, err)
		}
		return nameAlso(link, v.Alternative)
	})
}
