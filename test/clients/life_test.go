// SPDX-License-Identifier: Apache-2.0

package clients_test

// lifeRows are the verbs that end a machine or begin one anew; in the last of
// them there is none any more. The guest's bus may be gone before it answers.
func lifeRows() []row {
	const life = `was=$(leader 2>/dev/null || true); anew() { local now; now=$(leader 2>/dev/null) && [[ $now && $now != "$was" ]] && running; }
	`
	const gone = `
		^No machines\.$
		^Result=success$`
	const look = `; until_true off; machinectl list; systemctl show contain@deb -p Result`
	return []row{
		// The guest starts the getty anew that was hung up, and it may take the next one's terminal: a reboot comes next. The client of 262 always says that the machine ended.
		{name: "machinectl login", script: life + `talk 'machinectl login deb' 'login: ' $'\x1d\x1d\x1d'; [[ $(leader) == "$was" ]]; refused machinectl login none`, want: `
			^Connected to machine deb\.
			^deb login:
			^(Connection to machine|Machine) deb terminated\.$
			No machine 'none' known`},
		{name: "machinectl reboot", script: life + `id=$(inside cat /proc/sys/kernel/random/boot_id); machinectl reboot deb; until_true anew; [[ $(inside cat /proc/sys/kernel/random/boot_id) != "$id" ]]; systemctl show contain@deb -p NRestarts`, want: `
			^NRestarts=1$`},
		{name: "systemctl reboot", script: life + `systemctl -M deb reboot || true; until_true anew`},
		{name: "systemctl soft-reboot", since: 254, script: `count() { [[ $(systemctl -M deb show -p SoftRebootsCount --value 2>/dev/null) == 1 ]] && running; }; was=$(leader); systemctl -M deb soft-reboot || true; until_true count; [[ $(leader) == "$was" ]]`},
		{name: "machinectl restart", since: 257, script: life + `machinectl restart deb; until_true anew`},
		{name: "machinectl poweroff", script: `machinectl poweroff deb` + look, want: gone},
		{name: "none", script: `refused machinectl show deb; refused systemctl -M deb status; refused loginctl -M deb list-users; refused systemd-run -M deb true; refused journalctl -M deb; refused systemd-cgls -M deb
			refused getent -s mymachines hosts deb; refused getent passwd vu-deb-0; refused getent group vg-deb-0; systemctl list-machines --no-legend; ps -eo machine= | sort -u; refused machinectl start none`, want: `
			(?s)^Could not get path to machine: No machine 'deb' known.*(?i)(host is down|no route to host)
			^-$
			^Machine image 'none' does not exist\.`},
		{name: "machinectl start", script: `boot; machinectl start deb; machinectl list --no-legend; systemctl is-active contain@deb machine-deb.scope`, want: `
			^deb +container +machined-go
			^active\nactive$`},
		{name: "machinectl terminate", script: `machinectl terminate deb` + look, want: gone},
		{name: "systemctl poweroff", script: `boot; systemctl -M deb poweroff || true` + look, want: gone},
		{name: "machinectl enable --now", since: 253, script: `machinectl -q --now enable deb; until_true running; systemctl is-enabled contain@deb machines.target; machinectl -q --now disable deb` + look + `; systemctl is-enabled contain@deb || true`, want: `
			(?s)^enabled\nenabled$.*^disabled$` + gone},
		{name: "systemctl halt", script: `boot; systemctl -M deb halt || true` + look, want: gone},
		{name: "systemctl exit", script: `boot; systemctl -M deb exit 7 || true; until_true off; systemctl show contain@deb -p ExecMainStatus; systemctl reset-failed`, want: `^ExecMainStatus=7$`},
		{name: "machinectl stop", since: 257, script: `boot; machinectl stop deb` + look, want: gone},
	}
}
