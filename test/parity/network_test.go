// SPDX-License-Identifier: Apache-2.0

package parity_test

// links are the names of the machine's interfaces.
const links = `ip -o link | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | grep -v -e ^sit0 -e ^tunl0 | sort`

// pair makes an interface of the host to give away.
const pair = `ip link del par0 2>/dev/null; ip link add par0 type veth peer name par1; ip link set par0 up; ip link set par1 up; udevadm settle 2>/dev/null; `

const unpair = `ip link del par0 2>/dev/null; ip link del par1 2>/dev/null; true`

// meanwhile runs a machine and goes on when it is up.
const meanwhile = `
machine "${args[@]}" /bin/sh -c 'echo up; exec sleep 20' >said &
until_true grep -q up said
leader() { pgrep -n -x sleep; }
`

const endIt = "\nend 2>/dev/null"

func networkRows() []row {
	return []row{
		{
			options: "--private-network", keys: "Network.Private", base: "-U", args: "--private-network", file: "[Network]\nPrivate=yes",
			inside: links + `; cat /sys/class/net/lo/operstate; ls /sys/class/net; grep CapBnd /proc/self/status`, want: "lo",
		},
		{
			keys: "Network.Private=no", base: "", file: "[Network]\nPrivate=no", setup: pair, after: unpair,
			inside: links + `; grep CapBnd /proc/self/status`, want: "lo\npar0",
		},
		{
			options: "--network-veth -n", keys: "Network.VirtualEthernet", base: "-U", args: "-n", file: "[Network]\nVirtualEthernet=yes",
			script: meanwhile + `show() { sed 's/^[0-9]*: \([^:@]*\).*link.\(ether\|loopback\) \([^ ]*\).*/\1 \3/'; }
				ip -o link show ve-parity | show; nsenter -t $(leader) -n ip -o link | show` + endIt + `
				until_true test ! -e /sys/class/net/ve-parity && echo gone`,
			want: "ve-parity ([0-9a-f]{2}:?){6}\nhost0 ([0-9a-f]{2}:?){6}\ngone",
		},
		{
			options: "--network-veth-extra", keys: "Network.VirtualEthernetExtra", base: "-U",
			args: "--network-veth-extra=parx:inx --network-veth-extra=pary", file: "[Network]\nVirtualEthernetExtra=parx:inx\nVirtualEthernetExtra=pary",
			script: meanwhile + `ls /sys/class/net | grep ^par; nsenter -t $(leader) -n ip -o link | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | sort` + endIt,
			want:   "parx\npary\ninx\nlo",
		},
		{
			options: "--network-bridge", keys: "Network.Bridge", base: "-U", setup: `ip link del parbr 2>/dev/null; ip link add parbr type bridge`,
			args: "--network-bridge=parbr", file: "[Network]\nBridge=parbr",
			script: meanwhile + `ls /sys/class/net/parbr/brif; nsenter -t $(leader) -n ip -o link | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | sort` + endIt + `; ip link del parbr`,
			want:   "vb-parity\nhost0\nlo",
		},
		{
			options: "--network-zone", keys: "Network.Zone", base: "-U", args: "--network-zone=par", file: "[Network]\nZone=par",
			script: meanwhile + `ls /sys/class/net/vz-par/brif; nsenter -t $(leader) -n ip -o link | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | sort` + endIt + `
				until_true test ! -e /sys/class/net/vz-par && echo gone`,
			want: "vb-parity\nhost0\nlo\ngone",
		},
		{
			options: "--network-interface", keys: "Network.Interface", base: "-U", setup: pair, after: `until_true ip link show par1 >/dev/null && echo back;` + unpair,
			args: "--network-interface=par1", file: "[Network]\nInterface=par1",
			inside: links, want: "lo\npar1\nback",
		},
		{
			options: "--network-interface=HOST:INSIDE", since: 254, base: "-U", setup: pair, after: `until_true ip link show par1 >/dev/null && echo back;` + unpair,
			args: "--network-interface=par1:lan", inside: links, want: "lan\nlo\nback",
		},
		{
			options: "--network-macvlan", keys: "Network.MACVLAN", base: "-U", setup: pair, after: unpair,
			args: "--network-macvlan=par1", file: "[Network]\nMACVLAN=par1",
			inside: links + `; ip -d -o link show mv-par1 | grep -o 'macvlan mode [a-z]*'`, want: "lo\nmv-par1\nmacvlan mode bridge",
		},
		{
			options: "--network-ipvlan", keys: "Network.IPVLAN", base: "-U", setup: pair, after: unpair,
			args: "--network-ipvlan=par1", file: "[Network]\nIPVLAN=par1",
			// Not every kernel has it.
			script: `if ip link add link par0 name parprobe type ipvlan 2>/dev/null; then ip link del parprobe
					machine "${args[@]}" /bin/sh -c 'ip -o link show iv-par1 | grep -o iv-par1; ip -d -o link show iv-par1 | grep -o "ipvlan *mode [a-z0-9]*"'
				else machine "${args[@]}" /bin/true && echo works || echo no ipvlan here; fi`,
			want: "iv-par1|no ipvlan here",
		},
		{
			options: "--network-namespace-path", base: "-", setup: `ip netns add parity; ip -n parity link add parns type bridge; ip -n parity link set lo up`, after: `ip netns del parity`,
			args: "--private-users=no --network-namespace-path=/run/netns/parity", inside: links, want: "lo\nparns",
		},
		{
			keys: "Network.NamespacePath", since: 259, base: "-", setup: `ip netns add parity; ip -n parity link add parns type bridge; ip -n parity link set lo up`, after: `ip netns del parity`,
			file: "[Exec]\nPrivateUsers=no\n[Network]\nNamespacePath=/run/netns/parity", inside: links, want: "lo\nparns",
		},
		{
			options: "--port -p", keys: "Network.Port", base: "-U -n",
			args: "-n -p tcp:7777:80", file: "[Network]\nVirtualEthernet=yes\nPort=tcp:7777:80",
			script: ports, want: "answer",
		},
	}
}

// ports asks a machine's server from a third place, through a port of the host.
const ports = `
ip netns del parity 2>/dev/null; ip netns add parity; ip link add par0 type veth peer name par1 netns parity
ip addr add 198.51.100.1/24 dev par0; ip link set par0 up; ip -n parity addr add 198.51.100.2/24 dev par1; ip -n parity link set par1 up
ip -n parity route add default via 198.51.100.1; echo 1 >/proc/sys/net/ipv4/ip_forward
machine "${args[@]}" /bin/sh -c 'ip link set host0 up; ip addr add 203.0.113.2/24 dev host0; ip route add default via 203.0.113.1; echo up
	exec perl -MSocket -e "socket S, PF_INET, SOCK_STREAM, 0; setsockopt S, SOL_SOCKET, SO_REUSEADDR, 1; bind S, sockaddr_in(80, INADDR_ANY); listen S, 5; accept C, S; syswrite C, qq(answer\n); close C; sleep 1"' >said &
until_true grep -q up said; ip addr add 203.0.113.1/24 dev ve-parity; ip link set ve-parity up
ask() { ip netns exec parity timeout 2 perl -MSocket -e 'socket S, PF_INET, SOCK_STREAM, 0; connect S, sockaddr_in(7777, inet_aton("198.51.100.1")) or exit 1; print <S>'; }
until_true ask; wait
ip netns del parity; ip link del par0 2>/dev/null
`
