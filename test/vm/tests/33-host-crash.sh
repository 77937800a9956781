# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# After the host has lost its power, the enabled machines come back as if nothing had been.

part1() {
	mctl enable deb
	mctl start deb
	inside deb 'echo kept >/root/file && sync'
	touch /var/lib/vm-test/rebooting
	sync
	echo b >/proc/sysrq-trigger
	sleep infinity
}

part2() {
	eventually 60 want contain@deb ActiveState=active SubState=running NRestarts=0
	[[ $(systemctl is-system-running --wait) == running ]] || fail "host: $(systemctl is-system-running), failed $(systemctl --failed --plain --no-legend)"
	[[ $(systemctl -M deb is-system-running --wait) == running ]] || fail "deb is $(systemctl -M deb is-system-running) inside"
	[[ $(inside deb 'cat /root/file') == kept ]] || fail 'the file in it is gone'
	mctl poweroff deb
	eventually 20 want contain@deb ActiveState=inactive Result=success
}
