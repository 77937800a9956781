// SPDX-License-Identifier: Apache-2.0

package network_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"machined-go/test/lab"
)

// look runs a machine and takes down what its command prints, and the host's interfaces while it runs. It leaves udev and networkd
// the time that they need on a busy host: an interface that has come back is nspawn's to take when udev knows it, and a new one is
// up when networkd has got to it.
const look = `
udevadm settle --timeout=30
rm -f /run/go; mkfifo /run/go; : >/run/inside; trap 'rm -f /run/go' EXIT
exec 3<>/run/go
"$@" </run/go >/run/inside 2>/run/errors &
for ((i = 0; i < 300; i++)); do
	! grep -q ready /run/inside || break
	kill -0 $! 2>/dev/null || break
	sleep 0.05
done
udevadm settle --timeout=30
before='' same=0
for ((i = 0; i < 100 && same < 5; i++)); do
	now=$(ip -o link)
	if [[ $now == "$before" ]]; then ((++same)); else same=0; fi
	before=$now
	sleep 0.05
done
ip -j -d link >/run/outside
echo go >&3
wait $! || { cat /run/errors >&2; exit 1; }
cat /run/inside; echo; cat /run/outside
`

// inside prints what a machine sees of its network, and waits.
const inside = `ip -j -d link; while read -r k v; do case $k in CapBnd:) echo $v;; esac; done </proc/self/status
cd /sys/class/net; echo *; cd /
(echo >/proc/sys/net/ipv4/ip_forward) 2>/dev/null && echo writable || echo sealed
cat /proc/sys/net/ipv4/ping_group_range; echo ready; read x`

// link is what matters of an interface.
type link struct {
	Name    string   `json:"ifname"`
	Address string   `json:"address"`
	Type    string   `json:"link_type"`
	MTU     int      `json:"mtu"`
	Master  string   `json:"master"`
	Flags   []string `json:"flags"`
	Names   []string `json:"altnames"`
	Info    struct {
		Kind string `json:"info_kind"`
		Data struct {
			Mode string `json:"mode"`
		} `json:"info_data"`
	} `json:"linkinfo"`
}

func (l link) String() string {
	up := ""
	if slices.Contains(l.Flags, "UP") {
		up = " up"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s mtu %d%s %s %s", l.Name, l.Type, l.Info.Kind, l.Info.Data.Mode, l.Address, l.MTU, up, l.Master,
		strings.Join(l.Names, " ")))
}

// view is a machine's network from both sides.
type view struct{ Inside, Outside, Rest []string }

func parse(t testing.TB, text string) view {
	t.Helper()
	var v view
	for line := range strings.Lines(text) {
		var links []link
		if !strings.HasPrefix(line, "[") {
			if line = strings.TrimSpace(line); line != "" {
				v.Rest = append(v.Rest, line)
			}
			continue
		}
		if err := json.Unmarshal([]byte(line), &links); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		var list []string
		for _, l := range links {
			list = append(list, l.String())
		}
		slices.Sort(list)
		if v.Inside == nil {
			v.Inside = list
		} else {
			v.Outside = list
		}
	}
	return v
}

// TestAsNspawn compares, option by option, what systemd-nspawn makes of it with what we do.
func TestAsNspawn(t *testing.T) {
	for _, tt := range []struct {
		name    string
		nspawn  string
		toml    string
		machine string
		since   int    // of systemd-nspawn
		differs string // a line of its own that ours need not have
		kernel  string // kind of interface that not every kernel has
	}{
		{name: "private network", nspawn: "-U --private-network", toml: `veth = false`},
		{name: "the host's network", nspawn: "-U", toml: `private = false`},
		{name: "pair", nspawn: "-U --network-veth", toml: `veth = true`},
		{name: "pair of a long name", nspawn: "-U --network-veth", toml: `veth = true`, machine: "a-very-long-machine-name"},
		{name: "bridge", nspawn: "-U --network-bridge=br7", toml: `bridge = "br7"`},
		{name: "bridge of a long name", nspawn: "-U --network-bridge=br7", toml: `bridge = "br7"`, machine: "a-very-long-machine-name"},
		{name: "zone", nspawn: "-U --network-zone=foo", toml: `zone = "foo"`},
		{name: "further pairs", nspawn: "-U --network-veth-extra=xa:xb --network-veth-extra=ya", toml: `veth_extra = ["xa:xb", "ya"]`},
		{name: "pair and further pairs", nspawn: "-U -n --network-veth-extra=xa:xb", toml: `veth = true` + "\n" + `veth_extra = ["xa:xb"]`},
		{name: "macvlan", nspawn: "-U --network-macvlan=lan", toml: `macvlan = ["lan"]`},
		{name: "macvlans by name", nspawn: "-U --network-macvlan=lan:one --network-macvlan=lan:two", toml: `macvlan = ["lan:one", "lan:two"]`, since: 254},
		// nspawn looks for the interface on the host to give it its other name (see move to the machine).
		{name: "macvlan of a long name", nspawn: "-U --network-macvlan=a-long-name-123", toml: `macvlan = ["a-long-name-123"]`, differs: "mv-a-long-name-123"},
		{name: "ipvlan", nspawn: "-U --network-ipvlan=lan", toml: `ipvlan = ["lan"]`, kernel: "ipvlan"},
		{name: "interface", nspawn: "-U --network-interface=spare", toml: `interfaces = ["spare"]`},
		{name: "interface by another name", nspawn: "-U --network-interface=spare:eth0", toml: `interfaces = ["spare:eth0"]`, since: 254},
		{name: "port", nspawn: "-U -n --port=udp:8080:80", toml: `veth = true` + "\n" + `ports = ["udp:8080:80"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.machine == "" {
				tt.machine = "deb"
			}
			sinceSuite(t, tt.since, func(t *testing.T, h *host) {
				if tt.kernel != "" && !h.makes(tt.kernel) {
					h.refused(t, tt.toml)
					return
				}
				before := h.traces(t)
				command := append([]string{"systemd-run", "-q", "--wait", "--pipe", "-p", "Delegate=yes", "systemd-nspawn", "-q", "--keep-unit", "--register=no",
					"-D", "/var/lib/machines/deb", "-M", tt.machine, "--pipe"}, strings.Fields(tt.nspawn)...)
				stock := parse(t, h.Sh(t, look, append(command, "/bin/bash", "-c", inside)...))
				h.nothingLeft(t, before)
				h.settings(t, tt.machine, "[network]\n"+tt.toml)
				ours := parse(t, h.Sh(t, look, "mctl", "run", "-M", tt.machine, "/var/lib/machines/deb", "/bin/bash", "-c", inside))
				h.nothingLeft(t, before)
				if tt.differs != "" {
					for i, line := range ours.Inside {
						ours.Inside[i] = strings.TrimSpace(strings.TrimSuffix(line, tt.differs))
					}
				}
				if lab.Version(h.suite) < 258 { // ping_group_range
					stock.Rest, ours.Rest = stock.Rest[:3], ours.Rest[:3]
				}
				if diff := cmp.Diff(stock, ours); diff != "" {
					t.Errorf("%s (-nspawn +ours):\n%s", tt.nspawn, diff)
				}
				if len(stock.Inside) == 0 || len(stock.Outside) == 0 || len(stock.Rest) < 3 {
					t.Errorf("nothing to compare: %v", stock)
				}
			})
		})
	}
}

// makes tells whether the kernel has a kind of interface.
func (h *host) makes(kind string) bool {
	_, _, code := h.Try(`ip link add link lan name probe0 type "$1"; ip link del probe0`, kind)
	return code == 0
}

// refused checks that a machine that the kernel cannot connect is refused in one line, and leaves nothing.
func (h *host) refused(t testing.TB, toml string) {
	t.Helper()
	before := h.traces(t)
	h.settings(t, "deb", "[network]\n"+toml)
	_, stderr, code := h.Try(`mctl run deb /bin/true`)
	if code != 125 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "connect network: ") {
		t.Errorf("%s: exit status %d, %q", toml, code, stderr)
	}
	h.nothingLeft(t, before)
}

// TestJoinNamespace is apart, for nspawn (252 to 262) only does it without a user namespace, and from 259 on only together with
// --private-network.
func TestJoinNamespace(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.Sh(t, `ip netns add vpn; ip link add tun0 type veth peer name peer netns vpn; ip -n vpn link set lo up`)
		t.Cleanup(func() { h.Sh(t, `ip netns del vpn; ip link del tun0 2>/dev/null || true`) })
		before := h.traces(t)
		h.settings(t, "deb", "[network]\nnamespace_path = \"/run/netns/vpn\"")
		ours := parse(t, h.Sh(t, look, "mctl", "run", "deb", "/bin/bash", "-c", inside))
		h.nothingLeft(t, before)
		stock := parse(t, h.Sh(t, look, "systemd-run", "-q", "--wait", "--pipe", "-p", "Delegate=yes", "systemd-nspawn", "-q", "--keep-unit", "--register=no",
			"-D", "/var/lib/machines/deb", "--pipe", "--private-network", "--network-namespace-path=/run/netns/vpn", "/bin/bash", "-c", inside))
		if diff := cmp.Diff(stock.Inside, ours.Inside); diff != "" {
			t.Errorf("interfaces (-nspawn +ours):\n%s", diff)
		}
		if diff := cmp.Diff(stock.Rest[1], ours.Rest[1]); diff != "" || !strings.Contains(ours.Rest[1], "peer") {
			t.Errorf("/sys/class/net (-nspawn +ours):\n%s", diff)
		}
	})
}
