// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"golang.org/x/sys/unix"

	"machined-go/boot/network"
)

// Network is how a machine is connected.
type Network struct {
	// Whether the machine has a network of its own; by default it has. Without, it shares that of the host, abstract sockets
	// (unix(7)) included, and cannot change it. Everything below implies it.
	Private *bool `toml:"private"`
	// A virtual Ethernet pair to the host, "host0" in the machine; by default there is one if the machine boots, and none for a
	// command.
	Veth *bool `toml:"veth"`
	// Hardware address of the machine's end of the pair; by default one made from the names of machine and host.
	MAC string `toml:"mac"`
	// Further pairs, "HOST" or "HOST:INSIDE" by interface name.
	VethExtra []string `toml:"veth_extra"`
	// Bridge of the host to which the pair's end belongs.
	Bridge string `toml:"bridge"`
	// Name of a bridge, without its "vz-", that is there for all machines that name it, and gone with the last.
	Zone string `toml:"zone"`
	// Interfaces of the host to move into the machine, "HOST" or "HOST:INSIDE"; they come back when it ends.
	Interfaces []string `toml:"interfaces"`
	// Interfaces of the host to which the machine gets a MACVLAN interface, "HOST" for "mv-HOST", or "HOST:INSIDE".
	MACVLAN []string `toml:"macvlan"`
	// Interfaces of the host to which the machine gets an IPVLAN interface, "HOST" for "iv-HOST", or "HOST:INSIDE".
	IPVLAN []string `toml:"ipvlan"`
	// Ports of the host that lead into the machine, from everywhere but the host's loopback: "[tcp|udp:]HOST[:INSIDE]".
	Ports []string `toml:"ports"`
	// Path of a network namespace to join instead of having one of its own, such as "/run/netns/vpn".
	NamespacePath string `toml:"namespace_path"`
}

func (n Network) validate() error {
	_, err := network.NewPlan(n.wish("machine", [16]byte{}, false))
	return err
}

// wish gives it the defaults of a machine of that name, which boots or only runs a command.
func (n Network) wish(machine string, hostID [16]byte, boots bool) network.Wish {
	w := network.Wish{
		Machine: machine, HostID: hostID, Private: n.private(), Path: n.NamespacePath, MAC: n.MAC, VethExtra: n.VethExtra,
		Bridge: n.Bridge, Zone: n.Zone, Interfaces: n.Interfaces, MACVLAN: n.MACVLAN, IPVLAN: n.IPVLAN, Ports: n.Ports,
	}
	if n.Veth != nil {
		w.Veth = *n.Veth
	} else {
		w.Veth = n.Bridge != "" || n.Zone != "" || n.MAC != "" || boots && n.private() && n.NamespacePath == ""
	}
	return w
}

// private tells whether the machine's network is another than the host's.
func (n Network) private() bool { return n.Private == nil || *n.Private }

func (p *Plan) decideNetwork(f Facts) (err error) {
	p.Network, err = network.NewPlan(p.Spec.Network.wish(p.Spec.Name, f.Host.MachineID, len(p.Spec.Command) == 0))
	return err
}

// namespaces are those the leader is born into. Its mount and cgroup namespaces come later, when there is something in them.
func (p *Plan) namespaces() uintptr {
	flags := uintptr(unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS)
	if p.Spec.Users.own() {
		flags |= unix.CLONE_NEWUSER
	}
	if p.Network.Own {
		flags |= unix.CLONE_NEWNET
	}
	return flags
}
