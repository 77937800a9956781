# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# A guest that does not heed the request to power off is killed after the time-out.

part1() {
	tiny deaf 'sleep 1000 & (sleep 1000) & while :; do sleep 60; done'
	stops deaf
	copy_deb one
	printf '[Service]\nExecStart=/bin/sleep infinity\nExecStop=/bin/sleep infinity\nTimeoutStopSec=infinity\n' \
		>"$machines/one/etc/systemd/system/stubborn.service"
	stops one systemctl -M one start stubborn.service
	rm "$machines/one/etc/systemd/system/stubborn.service"
}

stops() { # MACHINE [COMMAND…]
	local name=$1 began main
	shift
	printf '[Service]\nTimeoutStopSec=6s\n' | drop_in "contain@$name.service"
	mctl start "$name"
	"$@"
	main=$(prop "contain@$name" MainPID)
	[[ $main == "$(leader "$name")" ]] || fail "main process $main, leader $(leader "$name")"
	began=$SECONDS
	systemctl stop "contain@$name" || true
	note "stop of $name took $((SECONDS - began)) s"
	((SECONDS - began >= 5 && SECONDS - began < 25)) || fail "stop took $((SECONDS - began)) s, want 6"
	want "contain@$name" ActiveState=failed Result=timeout ExecMainStatus=9
	eventually 10 no_traces "$name"
	[[ ! -d /proc/$main ]] || fail "process $main is still there"
	systemctl reset-failed "contain@$name"
	mctl start "$name" # and nothing is in its way
}
