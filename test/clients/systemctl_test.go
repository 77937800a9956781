// SPDX-License-Identifier: Apache-2.0

package clients_test

// systemctlRows are systemctl's verbs in a machine, but for those that end it.
func systemctlRows() []row {
	return []row{
		{name: "systemctl list-machines", script: `systemctl list-machines; systemctl --no-legend list-machines 'd*'`, want: `
			^ +NAME +STATE +FAILED +JOBS *$
			^ +lab-\S+ \(host\) +\w+ +\d+ +\d+ *$
			^ +deb +running +0 +0 *$
			^2 machines listed\.$
			^ *deb running 0 +0 *$`},
		// Later ones read freed memory, with stock's daemon too: systemctl-list-units.c frees the machines' names before it prints them.
		{name: "systemctl list-units --recursive", until: 252, script: `systemctl --recursive list-units dbus.service`, want: `
			^ +dbus\.service +loaded +active +running
			^ +deb:dbus\.service +loaded +active +running`},
		{name: "systemctl list", script: `systemctl -M deb list-units 'dbus*'; systemctl -M deb --no-legend list-sockets; systemctl -M deb list-timers --all
			systemctl -M deb list-jobs; systemctl -M deb list-automounts; systemctl -M deb list-unit-files dbus.service; systemctl -M deb list-dependencies multi-user.target`, want: `
			^ +dbus\.service +loaded +active +running
			^/run/dbus/system_bus_socket +dbus\.socket +dbus\.service$
			systemd-tmpfiles-clean\.timer
			^No jobs running\.$
			^dbus\.service +static
			^[●○] ├─systemd-logind\.service$`},
		{name: "systemctl list-paths", since: 254, script: `systemctl -M deb list-paths`, want: `paths listed\.$`},
		{name: "systemctl look", script: `systemctl -M deb status --lines=0; systemctl -M deb status dbus.service --lines=0; systemctl -M deb show -p Virtualization -p SystemState
			systemctl -M deb is-system-running; systemctl -M deb is-active dbus.service; systemctl -M deb is-enabled systemd-networkd.service; refused systemctl -M deb is-failed dbus.service
			systemctl -M deb get-default; refused systemctl -M deb cat dbus.service; refused systemctl -M deb edit dbus.service </dev/null; refused systemctl -M none status`, want: `
			(?s)^● deb$.*^ +State: running$.*─dbus\.service
			(?s)^● dbus\.service - .*Active: active \(running\).*Main PID: \d+
			^Virtualization=systemd-nspawn$
			^SystemState=running$
			^running\nactive\nenabled\nactive\ngraphical\.target$
			^Cannot remotely cat units\.
			^Cannot edit units
			(?i)no route to host|host is down`},
		{name: "systemctl enable", script: `inside sh -c 'printf "[Service]\nExecStart=sleep 1000\nExecReload=true\nPrivateMounts=yes\nRuntimeDirectory=tried\n[Install]\nWantedBy=multi-user.target\n" >/etc/systemd/system/tried.service
				cp /etc/systemd/system/tried.service /srv/linked.service'
			is() { systemctl -M deb is-enabled "$@" || true; }
			systemctl -M deb -q enable tried.service; is tried.service; systemctl -M deb -q --no-reload reenable tried.service; is tried.service; systemctl -M deb -q --no-reload disable tried.service; is tried.service
			systemctl -M deb -q --no-reload preset tried.service; is tried.service; systemctl -M deb -q --no-reload disable tried.service; systemctl -M deb -q --no-reload mask dbus.socket; is dbus.socket; systemctl -M deb -q --no-reload unmask dbus.socket
			systemctl -M deb -q --no-reload link /srv/linked.service; is linked.service; systemctl -M deb -q --no-reload add-wants basic.target tried.service; systemctl -M deb -q --no-reload add-requires basic.target tried.service
			inside sh -c 'cd /etc/systemd/system; ls -d basic.target.*/*; rm -r basic.target.*'; systemctl -M deb set-property tried.service CPUWeight=50; systemctl -M deb --no-reload revert tried.service
			inside ls /etc/systemd/system.control || true; systemctl -M deb -q set-default multi-user.target; systemctl -M deb get-default; systemctl -M deb -q set-default graphical.target
			systemctl -M deb -q --no-reload disable linked.service; systemctl -M deb daemon-reload`, want: `
			^enabled\nenabled\ndisabled\nenabled\nmasked\nlinked\nbasic\.target\.requires/tried\.service\nbasic\.target\.wants/tried\.service$
			^multi-user\.target$`},
		{name: "systemctl start", script: `is() { systemctl -M deb show tried.service -p ActiveState -p FreezerState -p CPUWeight | sort | paste -sd' '; }; pid() { systemctl -M deb show tried.service -p MainPID --value; }
			newer() { local old=$was; was=$(pid); [[ $was != "$old" ]] && echo "$1"; }
			systemctl -M deb start tried.service; was=$(pid); is; systemctl -M deb reload tried.service; systemctl -M deb reload-or-restart tried.service; systemctl -M deb try-reload-or-restart tried.service
			[[ $(pid) == "$was" ]]; systemctl -M deb restart tried.service; newer restart; systemctl -M deb try-restart tried.service; newer try-restart
			systemctl -M deb freeze tried.service; is; systemctl -M deb thaw tried.service; systemctl -M deb --runtime set-property tried.service CPUWeight=50; is
			systemctl -M deb --mkdir bind tried.service /etc /run/tried/bound; inside sh -c "ls /proc/$(pid)/root/run/tried/bound/os-release"
			systemctl -M deb --signal=KILL kill tried.service; until_true systemctl -M deb is-failed tried.service; systemctl -M deb reset-failed tried.service; is
			systemctl -M deb start tried.service; systemctl -M deb stop tried.service; is; inside mkdir -p /run/tried; systemctl -M deb clean tried.service; refused inside ls /run/tried`, want: `
			^ActiveState=active CPUWeight=.* FreezerState=running$
			^restart\ntry-restart$
			^ActiveState=active CPUWeight=.* FreezerState=frozen$
			^ActiveState=active CPUWeight=50 FreezerState=running$
			^/proc/\d+/root/run/tried/bound/os-release$
			(?s)^failed$.*^ActiveState=inactive CPUWeight=50 FreezerState=running\nActiveState=inactive`},
		{name: "systemctl for the manager", script: `systemctl -M deb set-environment A=b; B=c systemctl -M deb import-environment B; systemctl -M deb show-environment; systemctl -M deb unset-environment A B
			[[ $(systemctl -M deb show-environment) != *A=b* ]]; systemctl -M deb log-level debug; systemctl -M deb log-level; systemctl -M deb log-level info; systemctl -M deb log-target
			systemctl -M deb service-watchdogs; systemctl -M deb service-log-level systemd-logind.service; systemctl -M deb service-log-target systemd-logind.service; systemctl -M deb cancel
			systemctl -M deb daemon-reload; was=$(leader); systemctl -M deb daemon-reexec; until_true running; [[ $(leader) == "$was" ]]
			systemctl -M deb isolate graphical.target; systemctl -M deb default; systemctl -M deb is-system-running`, want: `
			^A=b$
			^B=c$
			^debug\n(journal|console|auto)\S*\n(yes|no)\ninfo\n\S+$
			^running$`},
		{name: "systemctl whoami", since: 254, script: `refused systemctl -M deb whoami`, want: `local PID`},
		{name: "systemctl enqueue-marked", since: 262, script: `systemctl -M deb enqueue-marked`},
		// What a machine cannot do is said, and does nothing to the host.
		{name: "systemctl of hosts only", script: `refused systemctl -M deb switch-root /mnt; refused systemctl -M deb suspend; refused systemctl -M deb hibernate; refused systemctl -M deb hybrid-sleep
			refused systemctl -M deb suspend-then-hibernate; systemctl -M deb is-system-running`, want: `
			^Cannot switch root remotely\.
			^running$`},
		{name: "systemctl sleep", since: 256, script: `refused systemctl -M deb sleep`, want: `(?i)sleep`},
		{name: "systemctl --user", script: `systemctl --user -M user@deb is-system-running; systemctl --user -M user@deb show -p ControlGroup; systemctl -M user@deb show -p Virtualization`, want: `
			^running$
			^ControlGroup=/user\.slice/user-1000\.slice/user@1000\.service$
			^Virtualization=systemd-nspawn$`},
	}
}
