// SPDX-License-Identifier: Apache-2.0

// Package network_test compares in labs how machines are connected with what systemd-nspawn makes of the same, from inside and outside,
// and looks that nothing is left.
package network_test

import (
	"strings"
	"testing"

	"machined-go/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// host is a lab that has our daemon, and systemd-nspawn beside it.
type host struct {
	*lab.Lab
	suite string
}

// eachSuite runs a test on a host of each suite at the same time. Tests are not parallel among each other, so each has the hosts to
// itself.
func eachSuite(t *testing.T, test func(t *testing.T, h *host)) { sinceSuite(t, 0, test) }

// sinceSuite is eachSuite for those that have a systemd as new as that.
func sinceSuite(t *testing.T, version int, test func(t *testing.T, h *host)) {
	lab.EachSince(t, version, func(t *testing.T, suite string) {
		h := &host{lab.Up(t, suite, lab.Ours), suite}
		h.JournalOnFailure(t)
		h.Sh(t, hardware)
		test(t, h)
	})
}

// hardware makes what stands for the host's: an Ethernet interface "lan" that leads to another namespace, "wire", one that is to be
// lent, "spare", one with a long name, and a bridge.
const hardware = `
if ! ip link show lan >/dev/null 2>&1; then
	ip netns add wire
	ip link add lan type veth peer name eth0 netns wire
	ip link add spare type veth peer name plug netns wire
	ip link add a-long-name-123 type veth peer name long netns wire
	ip link add br7 type bridge
	ip addr add 198.51.100.1/24 dev lan
	ip addr add 2001:db8:1::1/64 dev lan nodad
	ip -n wire addr add 198.51.100.2/24 dev eth0
	ip -n wire addr add 2001:db8:1::2/64 dev eth0 nodad
	for l in lan spare a-long-name-123 br7; do ip link set $l up; done
	for l in lo eth0 plug long; do ip -n wire link set $l up; done
	udevadm settle
fi
`

// settings gives machine its settings until the test ends.
func (h *host) settings(t testing.TB, machine, toml string) {
	t.Helper()
	h.Sh(t, `mkdir -p /etc/machined-go/machines; printf '%s\n' "$2" >"/etc/machined-go/machines/$1.toml"`, machine, toml)
	t.Cleanup(func() { h.Sh(t, `rm -f "/etc/machined-go/machines/$1.toml"`, machine) })
}

// traces lists everything that a connection could leave behind; the lock of all ports is made once and stays.
const traces = `
echo interfaces; ip -br link | awk '{ sub(/@.*/, "", $1); print $1 }' | sort
echo state; { find /run/machined-go/{network,netns} /run/systemd/nspawn-network-zone ! -type d 2>/dev/null || true; } | sort
echo mounts; awk '$5 ~ "^/run/(machined-go|netns)" { print $5 }' /proc/self/mountinfo | sort
echo namespaces; ip netns list | awk '{ print $1 }' | sort
echo units; systemctl list-units --all --plain --no-legend 'contain@*' 'machine-*.scope' | awk '{ print $1, $3, $4 }' | sort
`

func (h *host) traces(t testing.TB) []string {
	t.Helper()
	return strings.Split(h.Sh(t, traces), "\n")
}

// nothingLeft waits until all is as it was before; the kernel takes a moment for a network namespace.
func (h *host) nothingLeft(t testing.TB, before []string) {
	t.Helper()
	lab.NothingLeft(t, before, func() []string { return h.traces(t) })
}
