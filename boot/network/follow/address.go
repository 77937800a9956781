// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"fmt"
	"math"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"machined-go/boot/network"
)

// address is one that an interface of a machine has.
type address struct {
	addr  netip.Addr
	name  string // of the interface
	index int
	scope int
	flags int
}

// choose takes the address of a family at which a machine is reached from the host: not one for links only, nor one that is not
// ready yet or about to go. Interfaces that the machine was given come first: it may have made bridges for machines of its own.
func choose(list []address, four bool, given []string) netip.Addr {
	const unfit = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED
	best, rank := netip.Addr{}, math.MaxInt
	for _, a := range list {
		if a.addr.Is4() != four || a.scope >= unix.RT_SCOPE_LINK || a.addr.IsLoopback() || a.flags&unfit != 0 {
			continue
		}
		r := a.index
		if !slices.Contains(given, a.name) {
			r += 1 << 31
		}
		if a.flags&unix.IFA_F_TEMPORARY != 0 { // it will change
			r += 1 << 30
		}
		if r < rank {
			best, rank = a.addr, r
		}
	}
	return best
}

// addresses lists those in a network namespace.
func addresses(ns *os.File) (list []address, err error) {
	err = network.Within(ns, func() error {
		links, err := netlink.LinkList()
		if err != nil {
			return fmt.Errorf("list interfaces: %w", err)
		}
		names := map[int]string{}
		for _, l := range links {
			names[l.Attrs().Index] = l.Attrs().Name
		}
		found, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
		if err != nil {
			return fmt.Errorf("list addresses: %w", err)
		}
		for _, a := range found {
			if addr, ok := netip.AddrFromSlice(a.IP); ok {
				list = append(list, address{addr.Unmap(), names[a.LinkIndex], a.LinkIndex, a.Scope, a.Flags})
			}
		}
		return nil
	})
	return list, err
}
