// SPDX-License-Identifier: Apache-2.0

package clients_test

import (
	"testing"

	"machined-go/test/lab"
)

// eachOurs runs a test on all suites, on hosts that have our daemon.
func eachOurs(t *testing.T, rows []row) {
	for _, suite := range lab.Suites() {
		t.Run(suite, func(t *testing.T) {
			t.Parallel()
			h := up(t, suite)
			t.Cleanup(func() { _, _, _ = h.try(undo) })
			h.each(t, rows)
		})
	}
}

// undo ends all machines and gives a host its first state again.
const undo = `
for machine in $(machinectl list --no-legend | cut -d' ' -f1); do machinectl kill -s KILL $machine || true; done
systemctl stop machines.target 2>/dev/null || true
rm -rf /etc/systemd/nspawn /etc/systemd/system/systemd-nspawn@* /etc/systemd/system/machines.target.wants
systemctl -q stop systemd-machined.service; systemctl -q enable machined-go.service 2>/dev/null; systemctl restart machined-go.service
systemctl reset-failed; systemctl daemon-reload
sleep 1
for image in $(ls /var/lib/machines); do [[ $image == deb ]] || machinectl remove "$image"; done`

// Stock's name for a machine's service is a second name of ours.
func TestStockNameReachesOurs(t *testing.T) {
	eachOurs(t, []row{
		{name: "start", script: `boot; systemctl show systemd-nspawn@deb contain@deb -p Id -p Names; machinectl show deb -p Service -p Unit
			systemctl status systemd-nspawn@deb --no-pager -n 0`, want: `
			^Id=contain@deb\.service\nNames=(contain@deb\.service systemd-nspawn@deb\.service|systemd-nspawn@deb\.service contain@deb\.service)$
			^Service=machined-go$
			^Unit=machine-deb\.scope$
			contain@deb\.service - Machine deb$`},
		{name: "start of what runs", script: `before=$(leader); machinectl start deb; mctl start deb; [[ $(leader) == "$before" ]]; mctl list`, want: `^deb +container +running`},
		{name: "stop", script: `systemctl stop systemd-nspawn@deb; off; systemctl show contain@deb -p ActiveState -p Result`, want: `
			^ActiveState=inactive$
			^Result=success$`},
		{name: "enable and disable", script: `machinectl enable deb 2>&1; systemctl is-enabled contain@deb; ls /etc/systemd/system/machines.target.wants
			mctl disable deb; systemctl is-enabled systemd-nspawn@deb.service || true; mctl enable deb; systemctl is-enabled systemd-nspawn@deb.service
			machinectl disable deb 2>&1; systemctl is-enabled contain@deb || true`, want: `
			(?s)^enabled$.*^contain@deb\.service$.*^disabled$.*^enabled$.*^disabled$`},
		{name: "at boot by stock's link", script: `stock=$(ls /usr/lib/systemd/system/systemd-nspawn@.service); mkdir -p /etc/systemd/system/machines.target.wants
			ln -s "$stock" /etc/systemd/system/machines.target.wants/systemd-nspawn@deb.service; mctl enable deb; systemctl daemon-reload
			systemctl start machines.target; until_true running; machinectl show deb -p Service; machinectl poweroff deb; until_true off; mctl disable deb`, want: `
			^Service=machined-go$`},
	})
}

// keep starts web and says by whom it runs, then ends it.
const keep = `
boot_web() {
	until_true machinectl -q start web 2>/dev/null; machinectl show web -p Service; machinectl show web -p Unit
	machinectl kill web --kill-whom=leader --signal=KILL; until_true bash -c '[[ $(systemctl is-active systemd-nspawn@web) == @(inactive|failed) ]]'
	systemctl reset-failed
}
`

// What a host has made stock's own stays with it, while other machines are ours.
func TestStockKeepsItsMachines(t *testing.T) {
	const stock = `
		^Service=systemd-nspawn$
		^Unit=systemd-nspawn@web\.service$`
	eachOurs(t, []row{
		{name: "clone", script: keep + `machinectl clone deb web; systemctl daemon-reload; boot_web; boot`, want: `
			^Service=machined-go$
			^Unit=machine-web\.scope$`},
		{name: "own unit", script: keep + `cp /usr/lib/systemd/system/systemd-nspawn@.service /etc/systemd/system/systemd-nspawn@web.service; systemctl daemon-reload
			boot_web; machinectl show deb -p Service --value; machinectl enable web 2>&1; systemctl is-enabled systemd-nspawn@web contain@web || true
			machinectl disable web 2>&1; systemctl is-enabled systemd-nspawn@web || true; rm /etc/systemd/system/systemd-nspawn@web.service`, want: stock + `
			^machined-go$
			(?s)^enabled\ndisabled\n.*^disabled$`},
		{name: "drop-ins", script: keep + `mkdir -p /etc/systemd/system/systemd-nspawn@web.service.d; printf '[Service]\nEnvironment=KEPT=yes\n' >/etc/systemd/system/systemd-nspawn@web.service.d/x.conf
			systemctl daemon-reload; boot_web; systemctl show systemd-nspawn@web -p Environment; systemctl show contain@web -p Environment; systemctl cat systemd-nspawn@web
			rm -r /etc/systemd/system/systemd-nspawn@web.service.d`, want: stock + `
			^Environment=KEPT=yes\nEnvironment=$
			^# This machine stays with systemd-nspawn, see machined-go\(8\): its unit has drop-ins\.$`},
		{name: "limits", script: keep + `systemctl set-property systemd-nspawn@deb CPUWeight=50; systemctl show contain@deb -p CPUWeight; systemctl revert contain@deb 2>/dev/null
			mkdir -p /etc/systemd/system.control/systemd-nspawn@web.service.d; printf '[Service]\nCPUWeight=50\n' >/etc/systemd/system.control/systemd-nspawn@web.service.d/50-CPUWeight.conf
			systemctl daemon-reload; boot_web; rm -r /etc/systemd/system.control/systemd-nspawn@web.service.d`, want: stock + `
			^CPUWeight=50$`},
		{name: "settings", script: keep + `mkdir -p /etc/systemd/nspawn; printf '[Exec]\nHostname=named\n' >/etc/systemd/nspawn/web.nspawn; systemctl daemon-reload
			until_true machinectl -q start web 2>/dev/null; nsenter --uts --target "$(machinectl show web -p Leader --value)" hostname; boot_web
			rm -r /etc/systemd/nspawn`, want: `
			^named$
			^Service=machined-go$`},
		{name: "disk image", script: keep + `rm -r /var/lib/machines/web; mke2fs -q -t ext4 -d /var/lib/machines/deb /var/lib/machines/web.raw 400M; systemctl daemon-reload; boot_web
			touch /var/lib/machines/web.roothash; systemctl daemon-reload; systemctl cat systemd-nspawn@web | head -n 2; machinectl remove web; machinectl clone deb web`, want: `
			^Service=machined-go$
			^# This machine stays with systemd-nspawn, see machined-go\(8\): its image has verity\.$`},
		{name: "enabled before", script: keep + `mkdir -p /etc/systemd/system/machines.target.wants
			ln -s /usr/lib/systemd/system/systemd-nspawn@.service /etc/systemd/system/machines.target.wants/systemd-nspawn@web.service; systemctl daemon-reload; boot_web
			machinectl disable web 2>&1; machinectl enable web 2>&1; systemctl daemon-reload; echo moved; boot_web; machinectl disable web`, want: stock + `
			(?s)^moved\nService=machined-go$`},
		{name: "all", script: keep + `mkdir -p /etc/systemd/system/systemd-nspawn@.service.d; echo '#' >/etc/systemd/system/systemd-nspawn@.service.d/x.conf; systemctl daemon-reload; boot_web
			machinectl show deb -p Service --value; rm -r /etc/systemd/system/systemd-nspawn@.service.d`, want: stock + `
			^machined-go$`},
		{name: "end", script: keep + `systemctl daemon-reload; boot_web; machinectl poweroff deb; until_true off`, want: `^Service=machined-go$`},
	})
}

// A host can go back to stock and come again; machines that run stay as they are.
func TestGoAndComeBack(t *testing.T) {
	eachOurs(t, []row{
		{name: "go back", script: `boot; was=$(leader); systemctl -q disable --now machined-go.socket machined-go.service 2>/dev/null
			until_true machinectl show deb; [[ $(leader) == "$was" ]]; systemctl is-active contain@deb; ls /run/systemd/generator | grep nspawn || true
			systemctl stop contain@deb; until_true off; machinectl list; until_true machinectl start deb; machinectl show deb -p Service; machinectl show deb -p Unit`, want: `
			^active$
			^No machines\.$
			^Service=systemd-nspawn$
			^Unit=systemd-nspawn@deb\.service$`},
		{name: "come again", script: `was=$(leader); systemctl -q stop systemd-machined.service; systemctl -q enable machined-go.service 2>/dev/null; systemctl restart machined-go.service
			until_true machinectl show deb; [[ $(leader) == "$was" ]]; systemctl show systemd-nspawn@deb -p Id -p ActiveState; until_true running
			systemctl stop systemd-nspawn@deb; systemctl show systemd-nspawn@deb -p Result; systemctl daemon-reload; boot; machinectl show deb -p Service
			machinectl poweroff deb; until_true off`, want: `
			^Id=systemd-nspawn@deb\.service\nActiveState=active$
			^Result=success$
			^Service=machined-go$`},
	})
}

// Of stock and ours, who comes second leaves the image alone.
func TestImageLocks(t *testing.T) {
	const nspawn = `systemd-nspawn --quiet --boot --machine=deb --link-journal=no -U --register=no --keep-unit`
	eachOurs(t, []row{
		{name: "ours first", script: `boot; was=$(leader); not systemd-run -q --wait --pipe --slice=machine ` + nspawn + ` </dev/null 2>&1
			[[ $(leader) == "$was" ]]; running && echo runs; machinectl poweroff deb; until_true off`, want: `
			currently busy
			^runs$`},
		{name: "stock first", script: `systemd-run -q --unit=stock --slice=machine -p Type=notify -p Delegate=yes ` + nspawn + ` </dev/null
			mctl start deb 2>&1 || echo refused; machinectl start deb 2>/dev/null || echo refused too; systemctl is-active stock; machinectl remove deb 2>&1 || true; systemctl reset-failed; systemctl stop stock`, want: `
			^mctl: start machine "deb": .*in use
			^refused$
			^refused too$
			^active$
			^Could not remove image`},
	})
}
