# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# A machine of "mctl run" is powered off politely when the host goes down, too.

part1() {
	systemd-run -q --unit foreground -p Type=exec mctl run deb
	eventually 60 running_inside
	inside deb 'cat /proc/sys/kernel/random/boot_id' >/var/lib/vm-test/boot-deb
	date +%s >/var/lib/vm-test/asked
	reboot_host
}

part2() {
	local took end
	took=$(($(journalctl -q -b -1 -n 1 -o json --output-fields=MESSAGE | sed 's/.*"__REALTIME_TIMESTAMP":"\([0-9]*\).*/\1/') / 1000000 - $(</var/lib/vm-test/asked)))
	note "the host was down $took s after it was asked to"
	journalctl -q --no-pager -b -1 -o cat _PID=1 | grep -E 'foreground|machine-deb' | tail -n 12
	end=$(journalctl -q --no-pager -D "$machines/deb/var/log/journal" "_BOOT_ID=$(tr -d - </var/lib/vm-test/boot-deb)" | tail -n 40)
	grep -qE '(Starting|Finished) systemd-(halt|poweroff).service' <<<"$end" || fail "deb did not shut itself down; its journal ends: $end"
	grep -q 'Journal stopped' <<<"$end" || fail "deb's journal was not closed; it ends: $end"
	((took < 60)) || fail 'that is too long'
}

running_inside() { [[ $(systemctl -M deb is-system-running) == running ]]; }
