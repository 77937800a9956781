// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"slices"
	"strings"
	"testing"

	"machined-go/test/lab"
)

// Fifty Debians that are enabled come up together without one failed unit, though they are far more than the host has processors.
// Their trees share the files below /usr.
func TestFiftyMachinesAtBoot(t *testing.T) {
	h := up(t, lab.Suites()[0])
	names := strings.Fields(h.Sh(t, `echo herd-{01..50}`))
	h.remove(t, "herd")
	for _, name := range names {
		h.remove(t, name)
	}
	h.Sh(t, `
		cd /var/lib/machines
		cp -a deb herd; : >herd/etc/machine-id
		for name; do mkdir "$name"; cp -al herd/usr "$name/usr"; find herd -mindepth 1 -maxdepth 1 ! -name usr -exec cp -a -t "$name" {} +; done
		mctl enable "$@"`, names...)
	t.Cleanup(func() { h.Sh(t, `mctl disable "$@"; mctl poweroff "$@" || true`, names...) })

	// What the host does at boot, when multi-user.target wants machines.target.
	h.Sh(t, `systemctl start --no-block machines.target`)
	for h.Sh(t, `for i in {1..100}; do [[ $(systemctl list-jobs --no-legend) ]] || exit 0; sleep 1; done; echo busy`) != "" {
	}
	if failed := h.Sh(t, `systemctl list-units --failed --no-legend --plain`); failed != "" {
		t.Errorf("failed units:\n%s", failed)
	}
	states := h.Sh(t, `for name; do systemctl -M "$name" is-system-running --wait; done | sort | uniq -c`, names...)
	if strings.TrimSpace(states) != "50 running" {
		t.Errorf("states of the machines, with their number:\n%s", states)
	}
}

// Two hundred machines run at once, each with its own init, ids, and network.
func TestTwoHundredMachines(t *testing.T) {
	h := up(t, lab.Suites()[0])
	names := strings.Fields(h.Sh(t, `echo small-{001..200}`))
	h.tiny(t, "small", `trap 'exit 0' RTMIN+3; while :; do sleep 3600 & wait; done`)
	for _, name := range names {
		h.remove(t, name)
	}
	for some := range slices.Chunk(names, 50) {
		h.Sh(t, `cd /var/lib/machines; for name; do cp -al small "$name"; done; mctl start "$@"`, some...)
	}
	seen := h.Sh(t, `
		mctl list -o name | grep -c ^small-
		for leader in $(mctl show --value -p Leader "$@"); do readlink "/proc/$leader/ns/net"; awk '{ print $2 }' "/proc/$leader/uid_map"; done | sort -u | wc -l`, names...)
	if seen != "200\n400\n" {
		t.Errorf("machines, and namespaces and id ranges among them:\n%s", seen)
	}
	for some := range slices.Chunk(names, 50) {
		h.Sh(t, `mctl poweroff "$@"`, some...)
	}
	h.Sh(t, `[[ ! $(mctl list -o name | grep ^small-) ]]`)
}

// A machine starts after those that its settings name, and brings along those it wants.
func TestStartOrder(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		for _, name := range []string{"first", "second"} {
			h.tiny(t, name, `trap 'exit 0' RTMIN+3; while :; do sleep 3600 & wait; done`)
		}
		t.Cleanup(func() {
			_, _, _ = h.Try(`rm -f /etc/machined-go/machines/{first,second,third}.toml; systemctl daemon-reload`)
		})
		h.Sh(t, `
			mkdir -p /etc/machined-go/machines
			printf '[start]\nrequires = ["first"]\n' >/etc/machined-go/machines/second.toml
			systemctl daemon-reload
			mctl start second`)
		got := h.Sh(t, `systemctl show --value -p ActiveEnterTimestampMonotonic contain@first; systemctl show --value -p InactiveExitTimestampMonotonic contain@second`)
		times := strings.Fields(got)
		if len(times) != 2 || len(times[0]) > len(times[1]) || len(times[0]) == len(times[1]) && times[0] > times[1] {
			t.Errorf("the first was up at, the second begun at: %q", times)
		}
		h.Sh(t, `mctl poweroff second first`)
		h.Sh(t, `rm -rf /var/lib/machines/first; systemctl reset-failed; sed -i 's/first/nowhere/' /etc/machined-go/machines/second.toml; systemctl daemon-reload`)
		h.refused(t, `mctl start second`, `"second"`, "a unit it needs did not start")
	})
}
