// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Veth is a pair of virtual Ethernet interfaces, one end on the host, one in a machine.
type Veth struct {
	Host        string // name of the host's end
	Alternative string // further name of it, if the first had to be shortened
	Machine     string
	HostID      [16]byte // machine id of the host
}

// NewVeth plans the pair of a machine.
func NewVeth(machine string, hostID [16]byte) Veth {
	name, alternative := HostName(machine)
	return Veth{Host: name, Alternative: alternative, Machine: machine, HostID: hostID}
}

func (v Veth) String() string {
	return fmt.Sprintf("veth %s (%s) to %s (%s) in the machine", v.Host, hardwareAddr(hostKey, v.HostID, v.Machine),
		GuestName, hardwareAddr(guestKey, v.HostID, v.Machine))
}

// Create makes the pair, with the guest's end in the network namespace of process pid, and returns the host's interface index.
// A pair of the same name left from the last boot, whose namespace the kernel has not yet taken down, is replaced.
func (v Veth) Create(pid int) (int, error) {
	link := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: v.Host, HardwareAddr: hardwareAddr(hostKey, v.HostID, v.Machine), TxQLen: -1},
		PeerName:         GuestName,
		PeerHardwareAddr: hardwareAddr(guestKey, v.HostID, v.Machine),
		PeerNamespace:    netlink.NsPid(pid),
	}
	err := netlink.LinkAdd(link)
	if errors.Is(err, unix.EEXIST) {
		if err := v.Remove(); err != nil {
			return 0, err
		}
		err = netlink.LinkAdd(link)
	}
	if err != nil {
		return 0, fmt.Errorf("add veth %q: %w", v.Host, err)
	}
	made, err := netlink.LinkByName(v.Host)
	if err != nil {
		return 0, fmt.Errorf("look up veth %q: %w", v.Host, err)
	}
	if v.Alternative != "" {
		if err := netlink.LinkAddAltName(made, v.Alternative); err != nil {
			return 0, fmt.Errorf("name veth %q also %q: %w", v.Host, v.Alternative, err)
		}
	}
	return made.Attrs().Index, nil
}

// Remove takes the pair away; one that is gone already is no error.
func (v Veth) Remove() error {
	link, err := netlink.LinkByName(v.Host)
	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) {
		return nil
	}
	if err == nil && link.Type() != "veth" {
		return fmt.Errorf("remove veth %q: a %s interface has this name", v.Host, link.Type())
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove veth %q: %w", v.Host, err)
	}
	return nil
}
