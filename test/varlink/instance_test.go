// SPDX-License-Identifier: Apache-2.0

package varlink_test

import (
	"testing"
)

// instance is how the scripts reach a machine of ours.
const instance = `
I=$(call $M io.systemd.Machine.List '{"name":"deb"}' | grep -o '"controlAddress":"[^"]*"' | cut -d'"' -f4)
[[ $I == /run/machined-go/control/deb ]]
grep -qx "CONTROL_ADDRESS=$I" /run/systemd/machines/deb
do_it() { varlinkctl -j call $I io.systemd.MachineInstance.$1 "${2:-{\}}" 2>&1 || true; }
restarts() { [[ $(systemctl show -P NRestarts contain@deb) == "$1" ]]; }
is() { [[ $(systemctl is-active contain@deb) == "$1" ]]; }
frozen() { [[ $(systemctl show -P FreezerState machine-deb.scope) == frozen ]]; }
`

// boot starts deb under our own runtime.
func (h host) boot(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { h.try("systemctl stop contain@deb") })
	h.sh(t, `mctl start deb`)
}

// Clients of any age that know the interface can use it.
func TestInstance(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		h.boot(t)
		h.sh(t, instance+`
			varlinkctl introspect $I io.systemd.MachineInstance | grep 'method SubscribeEvents' >/dev/null
			[[ $(do_it Describe) == '{"running":true,"status":"running"}' ]]
			[[ $(do_it Pause) == '{}' ]]
			frozen
			[[ $(do_it Describe) == '{"running":false,"status":"paused"}' ]]
			[[ $(do_it Resume) == '{}' ]]
			not frozen
			[[ $(do_it RemoveStorage '{"name":"a:b"}') == *io.systemd.MachineInstance.NotSupported* ]]
			[[ $(su user -c "varlinkctl -j call $I io.systemd.MachineInstance.Describe '{}'") == '{"running":true,"status":"running"}' ]]
			for verb in Pause PowerOff Reboot Terminate; do
				not su user -c "varlinkctl call $I io.systemd.MachineInstance.$verb '{}'" 2>/dev/null
			done
			not frozen`)
		h.sh(t, instance+`
			do_it Reboot
			until_true restarts 1
			until_true is active
			[[ -S $I ]]
			do_it Terminate
			until_true [ ! -e $I ]
			[[ ! -e /run/systemd/machines/deb ]]`)
	})
}

// Who follows a machine hears of pauses, whoever makes them, and of its end.
func TestInstanceEvents(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		h.boot(t)
		h.sh(t, instance+`
			events() { varlinkctl -j --more call $I io.systemd.MachineInstance.SubscribeEvents "$1"; }
			events '{}' >/tmp/all & all=$!
			events '{"filter":["STOP"]}' >/tmp/some & some=$!
			until_true grep -q READY /tmp/all
			until_true grep -q READY /tmp/some
			do_it Pause
			do_it Resume
			until_true grep -q RESUME /tmp/all
			systemctl freeze machine-deb.scope
			twice() { [[ $(grep -c STOP /tmp/some) == 2 ]]; }
			until_true twice
			mctl terminate deb
			wait $all $some
			[[ $(grep -o '"event":"[A-Z]*"' /tmp/all | cut -d'"' -f4 | paste -sd' ') == 'READY STOP RESUME STOP RESUME SHUTDOWN' ]]
			[[ $(grep -o '"event":"[A-Z]*"' /tmp/some | cut -d'"' -f4 | paste -sd' ') == 'READY STOP STOP SHUTDOWN' ]]`)
	})
}

// machinectl 262 goes to that socket, and nowhere else if there is one.
func TestMachinectlControlsOurs(t *testing.T) {
	h := on(t, "sid")
	h.boot(t)
	h.sh(t, instance+`
		machinectl pause deb
		frozen
		machinectl resume deb
		not frozen
		kill -9 $(systemctl show -P MainPID machined-go)
		machinectl pause deb
		frozen
		machinectl reboot deb
		until_true restarts 1
		until_true is active
		[[ -S $I ]]`)
	h.sh(t, instance+`
		machinectl poweroff deb
		until_true [ ! -e $I ]
		until_true is inactive
		mctl start deb`)
	h.sh(t, instance+`
		machinectl terminate deb
		until_true [ ! -e /run/systemd/machines/deb ]
		ls /run/machined-go/control | grep . && exit 1
		exit 0`)
}

// Once we are disabled nobody serves the socket: clients must not be sent there.
func TestDisabledDaemonWithdraws(t *testing.T) {
	h := on(t, "sid")
	t.Cleanup(func() { h.try("systemctl enable machined-go; systemctl restart machined-go") })
	h.boot(t)
	h.sh(t, instance+`
		systemctl -q disable --now machined-go 2>/dev/null
		until_true [ ! -e $M ]
		machinectl list | grep '^deb ' >/dev/null
		not grep CONTROL_ADDRESS /run/systemd/machines/deb
		[[ ! -e $I ]]
		systemctl -q enable machined-go 2>/dev/null
		systemctl restart machined-go`)
	h.sh(t, instance+`
		machinectl pause deb
		frozen
		machinectl resume deb
		systemctl -q disable --now machined-go 2>/dev/null
		until_true [ ! -e $M ]
		systemctl start systemd-machined.socket
		machinectl poweroff deb
		until_true [ ! -e /run/systemd/machines/deb ]`)
}
