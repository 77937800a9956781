// SPDX-License-Identifier: Apache-2.0

package boot

// Network is how a machine is connected.
type Network struct {
	// Whether the machine has a network of its own; by default it has. Everything below implies it.
	Private *bool `toml:"private"`
	// A virtual Ethernet pair to the host; by default there is one if the machine boots, and none for a command.
	Veth *bool `toml:"veth"`
	// Further pairs, "HOST" or "HOST:INSIDE" by interface name.
	VethExtra []string `toml:"veth_extra"`
	// Bridge of the host to which the pair's end belongs.
	Bridge string `toml:"bridge"`
	// Bridge that is there for all machines that name it, and gone with the last.
	Zone string `toml:"zone"`
	// Interfaces of the host to move into the machine, "HOST" or "HOST:INSIDE".
	Interfaces []string `toml:"interfaces"`
	// Interfaces of the host to which the machine gets a MACVLAN interface.
	MACVLAN []string `toml:"macvlan"`
	// Interfaces of the host to which the machine gets an IPVLAN interface.
	IPVLAN []string `toml:"ipvlan"`
	// Ports of the host that lead into the machine: "[tcp|udp:]HOST[:INSIDE]".
	Ports []string `toml:"ports"`
	// Path of a network namespace to join instead of having one of its own.
	NamespacePath string `toml:"namespace_path"`
}

func (n Network) validate() error { return unsupported(n, "Veth") }

// pair tells whether there is a virtual Ethernet pair to the host.
func (s Spec) pair() bool {
	if veth := s.Network.Veth; veth != nil {
		return *veth
	}
	return len(s.Command) == 0
}
