// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Forward leads a port of the host into the machine. That needs the machine's address, which it has later: machined-go-network
// follows it.
type Forward struct{ Port }

func (f Forward) String() string {
	return fmt.Sprintf("lead %s of the host to port %d of the machine", f.Port, f.Inside)
}

func (f Forward) mark(r *Record) { r.Ports = append(r.Ports, f.Port) }

// apply makes sure that no program of the host would lose its port to the machine. Who only listens to the host itself does not.
func (f Forward) apply(c *Connection) error {
	const listening, unconnected = 10, 7 // TCP_LISTEN and TCP_CLOSE of the kernel
	if _, err := os.Stat(c.host.Systemd); err != nil {
		return fmt.Errorf("lead %s into the machine: nobody would, for that needs systemd and its machined-go-network.service", f.Port)
	}
	list, state := netlink.SocketDiagTCP, uint8(listening)
	if f.Protocol == "udp" {
		list, state = netlink.SocketDiagUDP, unconnected
	}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		sockets, err := list(family)
		if err != nil {
			continue // a kernel without sock_diag
		}
		for _, s := range sockets {
			if s.State == state && s.ID.SourcePort == f.Host && !s.ID.Source.IsLoopback() {
				return fmt.Errorf("%s is in use on the host: choose another, or stop what listens there (ss -lnp)", f.Port)
			}
		}
	}
	return nil
}
