# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A machine that does not heed the request holds the host's shutdown up for its time-out, not longer.

part1() {
	tiny deaf 'while :; do sleep 60; done'
	printf '[Service]\nTimeoutStopSec=6s\n' | drop_in contain@deaf.service
	mctl start deaf deb
	date +%s >/var/lib/vm-test/asked
	reboot_host
}

part2() {
	local took
	took=$(($(journalctl -q -b -1 -n 1 -o json --output-fields=MESSAGE | sed 's/.*"__REALTIME_TIMESTAMP":"\([0-9]*\).*/\1/') / 1000000 - $(</var/lib/vm-test/asked)))
	journalctl -q --no-pager -b -1 -o cat _PID=1 | grep -E 'contain@(deaf|deb)|machine-(deaf|deb)' | tail -n 12
	note "the host was down $took s after it was asked to"
	((took >= 5 && took < 60)) || fail 'want 6 s and a bit'
	journalctl -q --no-pager -b -1 -o cat -u contain@deaf | grep -q "Failed with result 'timeout'" || fail 'deaf was not killed by the time-out'
	journalctl -q --no-pager -b -1 -o cat -u contain@deb | grep -q 'Deactivated successfully' || fail 'deb did not end well'
	mctl start deaf # and it can be started again
}
