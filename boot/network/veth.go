// SPDX-License-Identifier: Apache-2.0

package network

import (
	"bytes"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Veth is a pair of virtual Ethernet interfaces, one end on the host, one in a machine.
type Veth struct {
	Host        string // name of the host's end
	Alternative string // further name of it, if the first had to be shortened
	Inside      string
	HostMAC     net.HardwareAddr
	InsideMAC   net.HardwareAddr
	Machine     string // set if the name comes from the machine's
}

func (v Veth) String() string {
	return fmt.Sprintf("veth %s (%s) to %s (%s) in the machine", v.Host, v.HostMAC, v.Inside, v.InsideMAC)
}

func (v Veth) mark(r *Record) {
	r.Links = append(r.Links, Link{Name: v.Host, MAC: v.HostMAC.String()})
	r.Given = append(r.Given, v.Inside)
}

func (v Veth) apply(c *Connection) error {
	link := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: v.Host, HardwareAddr: v.HostMAC, TxQLen: -1},
		PeerName:         v.Inside,
		PeerHardwareAddr: v.InsideMAC,
		PeerNamespace:    netlink.NsPid(c.pid),
	}
	err := netlink.LinkAdd(link)
	if errors.Is(err, unix.EEXIST) && v.Machine != "" {
		if err := v.replace(c); err != nil {
			return err
		}
		err = netlink.LinkAdd(link)
	}
	if err != nil {
		return fmt.Errorf("add veth %q with end %q: %w", v.Host, v.Inside, err)
	}
	if v.Alternative != "" {
		if err := nameAlso(link, v.Alternative); err != nil {
			return err
		}
	}
	if v.Machine != "" {
		c.pair, c.index = link, link.Index
	}
	return nil
}

// replace removes the pair of the machine's last boot, whose namespace the kernel has not yet taken down.
func (v Veth) replace(c *Connection) error {
	if registered(c.host.Machines, v.Machine, c.pid) {
		return fmt.Errorf("add veth %q: machine %q runs already: see `mctl status %s`", v.Host, v.Machine, v.Machine)
	}
	gone, err := Link{Name: v.Host, MAC: v.HostMAC.String()}.remove()
	if err == nil && !gone {
		err = fmt.Errorf("add veth %q: an interface that is none of ours has this name", v.Host)
	}
	return err
}

func nameAlso(link netlink.Link, alternative string) error {
	if err := netlink.LinkAddAltName(link, alternative); err != nil {
		return fmt.Errorf("name interface %q also %q: %w", link.Attrs().Name, alternative, err)
	}
	return nil
}

// Link is an interface that was made on the host; the address tells it from one of the same name that others made.
type Link struct{ Name, MAC string }

// remove takes the interface away; gone is false if there is another of that name.
func (l Link) remove() (gone bool, err error) {
	link, err := netlink.LinkByName(l.Name)
	if isGone(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up interface %q: %w", l.Name, err)
	}
	mac, _ := net.ParseMAC(l.MAC)
	if link.Type() != "veth" || !bytes.Equal(link.Attrs().HardwareAddr, mac) {
		return false, nil
	}
	if err := netlink.LinkDel(link); err != nil && !isGone(err) {
		return false, fmt.Errorf("remove veth %q: %w", l.Name, err)
	}
	return true, nil
}

// isGone tells whether an error means that there is no such interface (any more).
func isGone(err error) bool {
	var gone netlink.LinkNotFoundError
	return errors.As(err, &gone) || errors.Is(err, unix.ENODEV)
}
