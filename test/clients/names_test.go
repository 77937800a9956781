// SPDX-License-Identifier: Apache-2.0

package clients_test

// nameRows are those of the clients that ask for machines' names, addresses,
// users and processes.
func nameRows() []row {
	const users = `shift=$(awk '{ print $2 }' "/proc/$(leader)/uid_map"); ((shift >= 65536)); mask() { sed "s/$1/N/g"; }
	`
	const sockets = `M=/run/systemd/machine/io.systemd.Machine; I=/run/systemd/machine/io.systemd.MachineImage
	`
	return []row{
		{name: "getent hosts", script: `address=$(inside ip -o -4 addr show host0 scope global | awk '!/169\.254/ { sub("/.*", "", $4); print $4; exit }'); getent hosts deb; getent ahosts deb | sed "s/^${address:?} /ITS /"
			getent ahostsv4 deb; getent ahostsv6 deb; refused getent -s mymachines hosts none`, want: `
			^fe80::[0-9a-f:]+ +deb$
			^ITS +STREAM
			^fe80::[0-9a-f:]+%\d+ +STREAM`},
		{name: "getent of users", script: users + `{ getent passwd vu-deb-0; getent passwd "$shift"; getent group vg-deb-0; getent group "$shift"; } | mask "$shift"
			refused getent passwd vu-deb-65536; refused getent passwd vu-none-0; stat -c '%U %G' "/proc/$(leader)/status"`, want: `
			^vu-deb-0:x:N:65534:UID 0 of Container deb:/:/usr/sbin/nologin\nvu-deb-0:x:N:
			^vg-deb-0:x:N:\nvg-deb-0:x:N:$
			^vu-deb-0 vg-deb-0$`},
		{name: "userdbctl", script: users + `{ userdbctl user vu-deb-0; userdbctl user "$((shift + 7))"; userdbctl group vg-deb-5; userdbctl group "$shift"; userdbctl --output=json user vu-deb-0; } | mask "$shift"
			userdbctl services; userdbctl groups-of-user vu-deb-0 || true; userdbctl users-in-group vg-deb-0 || true; [[ ! $(userdbctl ssh-authorized-keys vu-deb-0) ]]
			refused userdbctl user vu-none-0`, want: `
			^ +User name: vu-deb-0\n +Disposition: container$
			^ +User name: vu-deb-7$
			^ +Group name: vg-deb-5$
			^ +GID: N$
			^ +Description: GID 0 of Container deb$
			^ +Service: io\.systemd\.Machine$
			"userName" : "vu-deb-0"
			^io\.systemd\.Machine +yes$`},
		// Where systemd-userdbd runs, it asks us for others.
		{name: "userdbctl with userdbd", script: users + `systemctl start systemd-userdbd.socket; { userdbctl --with-nss=no user vu-deb-0; userdbctl user "$shift"; getent passwd vu-deb-3; getent group vg-deb-3; } | mask "$shift"
			systemctl stop systemd-userdbd.socket systemd-userdbd.service`, want: `
			^ +User name: vu-deb-0\n +Disposition: container$
			^vu-deb-3:x:\d+:65534:
			^vg-deb-3:x:\d+:$`},
		{name: "userdbctl load-credentials", since: 262, script: `userdbctl load-credentials`},
		{name: "ps -o machine", script: `ps -o machine= -p "$(leader)"; ps -o machine= -p 1; ps -eo machine=,comm= | grep '^deb ' | sort -u; ps -o unit= -p "$(leader)"`, want: `
			^deb *\n- *$
			^deb +systemd-journal
			^machine-deb\.scope$`},
		{name: "resolvectl query", since: 259, script: `resolvectl query deb; resolvectl query -4 --legend=no deb; refused resolvectl query x.deb`, want: `
			^deb: .*[0-9a-f.:]+
			^-- Data from: hook$
			^deb: [0-9.]+( +-- link: ve-deb)?$
			x\.deb`},
		{name: "varlinkctl", since: 257, script: sockets + `varlinkctl info $M; varlinkctl list-interfaces $M; varlinkctl list-methods $M io.systemd.Machine; varlinkctl introspect $I io.systemd.MachineImage
			varlinkctl call --json=short $M io.systemd.Machine.List '{"name":"deb"}'; varlinkctl call --json=short --more $M io.systemd.Machine.List '{}'
			varlinkctl call --json=short $I io.systemd.MachineImage.List '{"name":"deb"}'; refused varlinkctl call $M io.systemd.Machine.List '{"name":"none"}'`, want: `
			^ *Product: machined-go$
			^io\.systemd\.MachineImage$
			^io\.systemd\.Machine\.Terminate$
			^method Clone\(
			^\{"name":"deb","id":"[0-9a-f-]{32,36}".*"service":"machined-go"
			"name":"\.host".*\n.*"name":"deb"
			^\{"name":"deb","path":"/var/lib/machines/deb","type":"directory"
			NoSuchMachine`},
		{name: "varlinkctl list-sockets", since: 262, script: `varlinkctl list-sockets 2>&1 || true`, want: `/io\.systemd\.Machine\b|does not support extended attributes`},
	}
}
