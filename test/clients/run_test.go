// SPDX-License-Identifier: Apache-2.0

package clients_test

// busRows are those of the clients that look at a machine's bus and units.
func busRows() []row {
	const systemd = `org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager`
	return []row{
		{name: "busctl", script: `busctl -M deb list --acquired; busctl -M deb status; busctl -M deb status org.freedesktop.systemd1; busctl -M deb tree org.freedesktop.login1
			busctl -M deb introspect org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager; busctl -M deb call ` + systemd + ` GetUnit s dbus.service
			busctl -M deb get-property ` + systemd + ` Virtualization; busctl -M deb set-property ` + systemd + ` LogLevel s debug; systemctl -M deb log-level; systemctl -M deb log-level info`, want: `
			^org\.freedesktop\.systemd1 +1 +(n/a|systemd) +root
			^BusAddress=x-machine-unix:machine=deb$|^BusScope=|^BusID=[0-9a-f]+$
			^PID=1$
			/org/freedesktop/login1/seat/seat0$
			^\.ListSessions +method +- +a\(susso\)
			^o "/org/freedesktop/systemd1/unit/dbus_2eservice"$
			^s "systemd-nspawn"$
			^debug$`},
		{name: "busctl of signals", script: `cd /tmp; timeout 20 busctl -M deb monitor --match="path='/tried'" >seen 2>&1 & m=$!; timeout 20 busctl -M deb capture --match="path='/tried'" >caught & c=$!
			heard() { busctl -M deb emit /tried tried.If Said s hello; grep -q hello seen && grep -q hello caught; }; until_true heard; kill "$m" "$c"; cat seen; head -c 4 caught | od -An -tx1`, want: `
			(?s)Type=signal .*Path=/tried +Interface=tried\.If +Member=Said
			STRING "hello";
			^ (0a 0d 0d 0a|d4 c3 b2 a1)$`},
		{name: "busctl wait", since: 257, script: `timeout 20 busctl -M deb wait /tried tried.If Said >/tmp/waited & w=$!; said() { busctl -M deb emit /tried tried.If Said s word; ! kill -0 "$w" 2>/dev/null; }
			until_true said; wait "$w"; cat /tmp/waited`, want: `^s "word"$`},
		{name: "busctl --user", script: `there() { busctl --user -M user@deb list --acquired | grep systemd1; }; until_true there`, want: `^org\.freedesktop\.systemd1 +\d+ `},
		{name: "systemd-analyze", script: `systemd-analyze -M deb; systemd-analyze -M deb time; systemd-analyze -M deb blame; systemd-analyze -M deb critical-chain; systemd-analyze -M deb plot | tail -n 1
			systemd-analyze -M deb dot --order basic.target 2>/dev/null; systemd-analyze -M deb dump; systemd-analyze -M deb security dbus.service`, want: `
			^Startup finished in .*\(userspace\)
			^ *[0-9.]+m?s systemd-logind\.service$
			^graphical\.target @[0-9.]+
			^</svg>$
			"basic\.target"->
			Unit dbus\.service:$
			^→ Overall exposure level for dbus\.service: `},
		{name: "systemd-analyze malloc", since: 257, script: `systemd-analyze -M deb malloc`, want: `<malloc version=`},
		{name: "systemd-cgls", script: `systemd-cgls -M deb; systemd-cgls -M deb /system.slice; refused systemd-cgls -M none`, want: `
			^(CGroup|Control group) /machine\.slice/machine-deb\.scope:$
			├─init\.scope
			─dbus\.service`},
		{name: "systemd-cgtop", script: `systemd-cgtop -M deb --iterations=1 --batch`, want: `
			^/?machine\.slice/machine-deb\.scope +\d+
			^/?machine\.slice/machine-deb\.scope/init\.scope +\d+`},
		{name: "systemd-mount", script: `systemd-mount -M deb -q --type=tmpfs tmpfs /srv/mounted; inside findmnt -no FSTYPE /srv/mounted; refused findmnt /srv/mounted; systemd-umount -M deb /srv/mounted; refused inside findmnt /srv/mounted`, want: `^tmpfs$`},
	}
}

// runRows are those of systemd-run.
func runRows() []row {
	return []row{
		{name: "systemd-run --wait --pipe", script: `echo in | systemd-run -M deb -q --wait --pipe sh -c 'cat; hostname; echo err >&2; exit 7' 2>/tmp/err || echo "status $?"; cat /tmp/err
			systemd-run -M deb --wait --pipe --collect true </dev/null 2>&1`, want: `
			^in\ndeb\nstatus 7\nerr$
			^Running as unit: \S+
			^ *Finished with result: success$`},
		// That of 252 opens the terminal by the path that it has in the machine, on the host; with stock's daemon too.
		{name: "systemd-run --pty", since: 257, script: `talk "stty rows 33; systemd-run -M deb -q --pty --wait sh -c 'stty size; tty; hostname; read word; echo said-\$\$word-; exit 7'; echo status \$?" deb $'hello\n'`, want: `
			^33 200\s+/dev/pts/\d+\s+deb$
			^said-hello-\s+status 7$`},
		{name: "systemd-run", script: `systemd-run -M deb -q --unit=kept --property=Nice=5 sleep 1000; systemctl -M deb show kept -p Nice -p ActiveState; systemctl -M deb stop kept
			systemd-run -M deb -q --on-active=0.1 --timer-property=AccuracySec=1ms touch /run/timed; until_true inside test -e /run/timed; inside rm /run/timed
			systemd-run --user -M user@deb -q --wait --pipe sh -c 'id -un; echo "$XDG_RUNTIME_DIR"; exit 5' </dev/null || echo "status $?"`, want: `
			^Nice=5$
			^ActiveState=active$
			^user\n/run/user/1000\nstatus 5$`},
		{name: "run0", since: 257, script: `run0 --machine=deb hostname </dev/null; run0 --machine=deb --user=user id -un </dev/null; run0 --machine=deb sh -c 'exit 7' </dev/null || echo "status $?"`, want: `
			^deb\r?\n(\S.*\n)*user\r?\n(\S.*\n)*status 7$`},
	}
}

// journalRows are those of journalctl.
func journalRows() []row {
	const say = `say() { inside systemd-cat -t tried echo "$1"; }
		there() { [[ $(journalctl -M deb -q -b -t tried -o cat) == *"$1"* ]]; }
	`
	return []row{
		{name: "journalctl", script: say + `say "word-$$"; until_true there "word-$$"; journalctl -M deb -b -n 3 -t tried | sed "s/$$/PID/"; journalctl -M deb --list-boots; journalctl -M deb -q -b -u dbus.service -n 1 -o json | grep -o '"_HOSTNAME":"[^"]*"'
			boot=$(inside cat /proc/sys/kernel/random/boot_id | tr -d -); [[ $(journalctl -M deb -b -n 1 -o json) == *"\"_BOOT_ID\":\"$boot\""* ]]; journalctl -M deb --disk-usage
			id=$(inside cat /etc/machine-id); [[ $(journalctl -M deb -q -n 100 -o json | grep -o '"_MACHINE_ID":"[^"]*"' | sort -u) == "\"_MACHINE_ID\":\"$id\"" ]]; refused journalctl -M none`, want: `
			^\w{3} \d\d [0-9:]+ deb (tried|echo)\[\d+\]: word-PID$
			^ *0 [0-9a-f]{32} 
			^"_HOSTNAME":"deb"$
			^Archived and active journals take up [1-9].* in the file system\.$
			none`},
		{name: "journalctl -f", script: say + `timeout 30 journalctl -M deb -q -b -f -n 0 -t tried -o cat >/tmp/followed & f=$!; followed() { say "later-$$"; grep "later-$$" /tmp/followed; }; until_true followed; kill "$f"`},
		{name: "journalctl of the host", script: `journalctl -q -M .host -b -n 1 -o json | grep -o '"_HOSTNAME":"[^"]*"'; journalctl -q -b -u contain@deb.service -o cat -n 100`, want: `
			^"_HOSTNAME":"lab-
			Reached target`},
	}
}
