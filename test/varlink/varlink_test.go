// SPDX-License-Identifier: Apache-2.0

// Package varlink_test tries our Varlink sockets with the clients that Debian
// has for them: varlinkctl, systemd-nspawn, machinectl, nss-systemd and
// systemd-resolved, on hosts where these speak Varlink (systemd 257 and newer),
// and beside the stock daemon of the same version.
package varlink_test

import (
	"strings"
	"testing"

	"machined-go/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// host is a lab.
type host struct{ *lab.Lab }

// common are functions for the scripts.
const common = `
M=/run/systemd/machine/io.systemd.Machine
U=/run/systemd/userdb/io.systemd.Machine
H=/run/systemd/resolve.hook/io.systemd.Machine
call() { varlinkctl -j call "$@" 2>&1; }
more() { varlinkctl -j --more call "$@" 2>&1; }
names() { more $M io.systemd.Machine.List '{}' | grep -o '"name":"[^"]*"' | cut -d'"' -f4 | grep -v '^.host$' | sort | tr '\n' ' '; }
until_true() { for i in {1..100}; do "$@" && return 0; sleep 0.1; done; return 1; }
`

// eachSuite runs a test on one host after the other that has varlinkctl.
func eachSuite(t *testing.T, test func(t *testing.T, h host)) {
	for _, suite := range lab.Suites()[1:] {
		t.Run(suite, func(t *testing.T) { test(t, on(t, suite)) })
	}
}

// on is a host of a suite.
func on(t *testing.T, suite string) host {
	h := host{lab.Up(t, suite, lab.Ours)}
	h.JournalOnFailure(t)
	return h
}

func (h host) sh(t testing.TB, script string, args ...string) string {
	t.Helper()
	return h.Sh(t, common+script, args...)
}

func (h host) try(script string, args ...string) (stdout, stderr string, code int) {
	return h.Try(common+script, args...)
}

// startMachine starts deb under stock nspawn and waits until it has booted.
func (h host) startMachine(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { h.try("systemctl stop systemd-nspawn@deb") })
	h.sh(t, `systemctl start systemd-nspawn@deb
		until_true systemctl -M deb is-active -q multi-user.target 2>/dev/null`)
}

// nspawn registers over Varlink where it can (258 and newer), and is gone from
// the list when it ends.
func TestNspawnRegisters(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		h.sh(t, `systemd-run -q --unit=trace strace -f -q -s 300 -e trace=read -o /tmp/trace -p $(systemctl show -P MainPID machined-go)
			until_true grep -qs TracerPid:.[1-9] /proc/$(systemctl show -P MainPID machined-go)/status`)
		h.startMachine(t)
		trace := h.sh(t, `systemctl stop trace; [[ $(names) == "deb " ]]; grep -a varlink /tmp/trace || grep -a io.systemd /tmp/trace || true`)
		if version := h.sh(t, "systemctl --version | head -1 | cut -d' ' -f2"); strings.TrimSpace(version) >= "258" &&
			!strings.Contains(trace, `io.systemd.Machine.Register`) {
			t.Errorf("%s: nspawn did not register over Varlink", h.Name)
		} else if strings.TrimSpace(version) < "258" { // newer ones register a part of their unit
			h.sh(t, `[[ $(readlink /run/systemd/machines/unit:systemd-nspawn@deb.service) == deb ]]`)
		}
		h.sh(t, `systemctl stop systemd-nspawn@deb; [[ -z $(names) ]]`)
	})
}

// What users do, by the clients they have.
func TestClients(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		h.startMachine(t)
		for _, script := range []string{
			`varlinkctl info $M | grep io.systemd.MachineImage >/dev/null`,
			`varlinkctl introspect $M io.systemd.Machine | grep 'method OpenRootDirectory' >/dev/null`,
			`varlinkctl introspect $U io.systemd.UserDatabase | grep GetUserRecord >/dev/null`,
			`for p in /run/systemd/machine/io.systemd.MachineImage /run/varlink/registry/io.systemd.Machine{,Image}; do varlinkctl info $p >/dev/null; done`,
			`call $M io.systemd.Machine.List '{"name":"deb","acquireMetadata":"yes"}' | grep '"OSRelease":\[.*ID=debian' >/dev/null`,
			`call $M io.systemd.Machine.Open '{"name":"deb","mode":"tty"}' | grep '"ptyPath":"/dev/pts/' >/dev/null`,
			`more $M io.systemd.MachineImage.List '{}' | grep '"name":"deb"' >/dev/null`,
			`machinectl list | grep '^deb ' >/dev/null`,
			`machinectl status deb --no-pager | grep 'Unit: systemd-nspawn@deb.service' >/dev/null`,
			`machinectl -q shell deb /bin/true </dev/null`,
			`systemd-run -q -M deb --wait --pipe /bin/true`,
			`[[ $(getent passwd vu-deb-0) == vu-deb-0:x:*:65534:'UID 0 of Container deb':/:/usr/sbin/nologin ]]`,
			`[[ $(getent passwd "$(getent passwd vu-deb-7 | cut -d: -f3)") == vu-deb-7:* ]]`,
			`getent group vg-deb-0 >/dev/null`,
			`ps -C systemd -o user:40= | grep '^vu-deb-0' >/dev/null`,
			`until_true getent hosts deb >/dev/null`,
			`su user -c "varlinkctl -j --more call $M io.systemd.Machine.List '{}'" | grep '"name":"deb"' >/dev/null`,
			`! su user -c "varlinkctl call $M io.systemd.Machine.Terminate '{\"name\":\"deb\"}'"`,
			`! su user -c "varlinkctl call $M io.systemd.service.GetEnvironment '{}'"`,
			`machinectl poweroff deb; until_true [ -z "$(names)" ] || { sleep 3; [[ -z $(names) ]]; }`,
		} {
			if out, errs, code := h.try(script); code != 0 {
				t.Errorf("%s: exit status %d of: %s\n%s%s", h.Name, code, script, out, errs)
			}
		}
	})
}

// Hosts whose systemd has no Varlink sockets for machines ask for users already.
func TestUsersOfOldHosts(t *testing.T) {
	h := on(t, lab.Suites()[0])
	h.startMachine(t)
	h.sh(t, `[[ $(getent passwd vu-deb-0) == vu-deb-0:* ]]
		[[ $(getent group "$(getent group vg-deb-5 | cut -d: -f3)") == vg-deb-5:* ]]
		[[ -S $M && -S $U ]]`)
}

// systemd-resolved 259 and newer asks us for names, and is told of new ones
// and, after our death, again of all.
func TestNamesResolve(t *testing.T) {
	h := on(t, "sid")
	h.startMachine(t)
	const asked = `until_true resolvectl query -4 deb >/tmp/answer; grep -q 'Data from: hook' /tmp/answer`
	h.sh(t, asked)
	h.sh(t, `! resolvectl query -4 x.deb`)
	h.sh(t, `kill -9 $(systemctl show -P MainPID machined-go); sleep 0.3; `+asked)
	h.sh(t, `systemctl stop systemd-nspawn@deb; until_true bash -c '! resolvectl query -4 deb'`)
}

// Who connects while the daemon is dead waits for its successor.
func TestNoConnectionLost(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		h.sh(t, `for i in {1..10}; do
				kill -9 $(systemctl show -P MainPID machined-go) || true
				[[ $(timeout 10 varlinkctl -j call $M io.systemd.service.Ping '{}') == '{}' ]]
			done`)
	})
}

// Disabled, we leave the sockets to the stock daemon; enabled again, we take
// them back, with the machines.
func TestGoAndComeBack(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		t.Cleanup(func() { h.try("systemctl enable machined-go; systemctl restart machined-go") })
		h.startMachine(t)
		h.sh(t, `systemctl -q disable --now machined-go 2>/dev/null
			until_true [ ! -e $M ]
			machinectl list | grep '^deb ' >/dev/null
			varlinkctl info $M | grep systemd-machined >/dev/null
			systemctl -q enable machined-go 2>/dev/null
			systemctl restart machined-go
			for p in $M $U $H /run/systemd/machine/io.systemd.MachineImage /run/varlink/registry/io.systemd.MachineImage; do
				varlinkctl info $p | grep 'Product: machined-go' >/dev/null
			done
			[[ $(names) == "deb " ]]
			machinectl list | grep '^deb ' >/dev/null`)
	})
}
