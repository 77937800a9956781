// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Move moves an interface of the host into the machine; when the machine ends, it is given back.
type Move struct {
	Host   string // may be an alternative name
	Inside string // name in the machine; its own if empty
	Keep   bool   // it is up inside, with the global addresses that it has on the host
}

func (m Move) String() string {
	if m.Inside == "" || m.Inside == m.Host {
		return fmt.Sprintf("move interface %s into the machine", m.Host)
	}
	return fmt.Sprintf("move interface %s into the machine as %s", m.Host, m.Inside)
}

func (m Move) mark(r *Record) {
	link, err := netlink.LinkByName(m.Host)
	if err != nil {
		return // apply says why
	}
	moved := moved(link, m.Inside)
	r.Moved = append(r.Moved, moved)
	r.Given = append(r.Given, moved.Inside)
}

// Moved is an interface of the host that is in a machine, and what tells it from one that the machine made in its place.
type Moved struct {
	Host, Inside string
	Index        int // which the kernel lets it keep if that is free in the machine
	Kind         string
	Permanent    string  // address burnt into the hardware
	Phy          *uint32 // the wireless device it belongs to
}

func moved(link netlink.Link, inside string) Moved {
	attrs := link.Attrs()
	// With the name as an alternative one the interface cannot be called so.
	if inside == "" || slices.Contains(attrs.AltNames, inside) {
		inside = attrs.Name
	}
	return Moved{
		Host: attrs.Name, Inside: inside, Index: attrs.Index, Kind: link.Type(), Permanent: attrs.PermHWAddr.String(),
		Phy: phyOf(attrs.Name),
	}
}

func (m Move) apply(c *Connection) error {
	link, err := find(m.Host)
	if err != nil {
		return err
	}
	if err := awaitUdev(link.Attrs()); err != nil {
		return err
	}
	to := moved(link, m.Inside)
	addresses, err := m.addresses(link)
	if err != nil {
		return err
	}
	if to.Phy != nil {
		err = movePhy(*to.Phy, c.ns)
		if err == nil && to.Inside != to.Host {
			err = Within(c.ns, func() error { return rename(link, to.Inside) })
		}
	} else {
		err = move(link.Attrs().Index, c.ns, to.Inside)
	}
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("move interface %q into the machine: the kernel moves none of its kind", m.Host)
	}
	if err != nil {
		return fmt.Errorf("move interface %q into the machine as %q: %w", m.Host, to.Inside, err)
	}
	if m.Keep {
		err = Within(c.ns, func() error { return restore(to.Inside, addresses) })
	}
	return err
}

// addresses are those that an interface is to keep; with the move the kernel takes all away.
func (m Move) addresses(link netlink.Link) (kept []netlink.Addr, err error) {
	if !m.Keep {
		return nil, nil
	}
	list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list addresses of interface %q: %w", m.Host, err)
	}
	for _, a := range list {
		if a.Scope == unix.RT_SCOPE_UNIVERSE && a.Flags&unix.IFA_F_TEMPORARY == 0 {
			kept = append(kept, netlink.Addr{IPNet: a.IPNet, Peer: a.Peer})
		}
	}
	return kept, nil
}

// restore gives an interface addresses, and brings it up.
func restore(name string, addresses []netlink.Addr) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("look up interface %q in the machine: %w", name, err)
	}
	for _, a := range addresses {
		if err := netlink.AddrAdd(link, &a); err != nil {
			return fmt.Errorf("give interface %q the address %s: %w", name, a.IPNet, err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bring interface %q up: %w", name, err)
	}
	return nil
}

// find looks up an interface of the host by any of its names.
func find(name string) (netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	if isGone(err) {
		return nil, fmt.Errorf("there is no interface %q on the host", name)
	}
	if err != nil {
		return nil, fmt.Errorf("look up interface %q: %w", name, err)
	}
	return link, nil
}

// list gives all interfaces.
func list() ([]netlink.Link, error) {
	const tries = 10
	for i := 1; ; i++ {
		links, err := netlink.LinkList()
		switch {
		case err == nil:
			return links, nil
		case i == tries || !errors.Is(err, netlink.ErrDumpInterrupted):
			return nil, fmt.Errorf("list interfaces: %w", err)
		}
	}
}

// move gives an interface to another network namespace, under a name unless that is empty. It is one message, for between two the
// name could be in use.
func move(index int, ns *os.File, name string) error {
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(ns.Fd()))))
	if name != "" {
		req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	}
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// rename takes the interface down, as kernels before 6.2 want it.
func rename(link netlink.Link, name string) error {
	if err := netlink.LinkSetDown(link); err != nil {
		return err
	}
	return netlink.LinkSetName(link, name)
}

// giveBack moves the interface to where it came from; it runs in the machine's network namespace. An interface that is not there
// any more, because the machine destroyed it or gave it away, is no error.
func (m Moved) giveBack(home *os.File) error {
	link, err := m.look()
	if err != nil || link == nil {
		return err
	}
	const pattern = "back%d" // the kernel finds a free name for it
	// Renamed first, for a move may succeed though the new name is in use, and the machine is not to choose names on the host.
	if err = rename(link, m.Host); errors.Is(err, unix.EEXIST) {
		err = rename(link, pattern)
	}
	switch {
	case err != nil:
	case m.Phy != nil:
		err = movePhy(*m.Phy, home)
	default:
		if err = move(link.Attrs().Index, home, ""); errors.Is(err, unix.EEXIST) {
			err = move(link.Attrs().Index, home, pattern)
		}
	}
	if err != nil {
		return fmt.Errorf("give interface %q back to the host: %w", m.Host, err)
	}
	return nil
}

// look finds the interface in the machine, whatever it is called there by now.
func (m Moved) look() (netlink.Link, error) {
	links, err := list()
	if err != nil {
		return nil, err
	}
	var found netlink.Link
	for _, l := range links {
		attrs := l.Attrs()
		switch mac, _ := net.ParseMAC(m.Permanent); {
		case l.Type() != m.Kind || attrs.PermHWAddr.String() != mac.String():
		case attrs.Index == m.Index:
			return l, nil
		case attrs.Name == m.Inside || attrs.Name == m.Host:
			found = l
		}
	}
	return found, nil
}

// Places of udev.
const (
	udevControl = "/run/udev/control"
	udevData    = "/run/udev/data/n"
)

// awaitUdev waits until udev has done with an interface, which it may be about to rename.
func awaitUdev(link *netlink.LinkAttrs) error {
	const limit, pause = 5 * time.Second, 20 * time.Millisecond
	if _, err := os.Stat(udevControl); err != nil {
		return nil
	}
	for deadline := time.Now().Add(limit); ; time.Sleep(pause) {
		if _, err := os.Stat(udevData + strconv.Itoa(link.Index)); err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("interface %q is not initialized by udev yet: try again", link.Name)
		}
	}
}
