# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The host's systemd executes itself again (as its upgrade does) while machines run.

part1() {
	local main stored
	copy_deb one
	mctl start deb one
	main=$(prop contain@deb MainPID) stored=$(prop contain@deb NFileDescriptorStore)
	[[ $main == "$(leader deb)" ]] || fail "main process $main, leader $(leader deb)"
	((stored > 0)) || fail 'nothing in the store'
	systemctl daemon-reexec
	want contain@deb ActiveState=active SubState=running "MainPID=$main" "NFileDescriptorStore=$stored"
	want machine-deb.scope ActiveState=active
	machinectl status deb | head -n 5 || fail 'machinectl does not know deb'
	reboots "$main" "$stored"
	crashes
	systemctl stop contain@deb
	want contain@deb ActiveState=inactive Result=success
	eventually 10 no_traces deb
}

reboots() { # OLD-PID STORED
	systemctl -M deb reboot
	eventually 60 want contain@deb NRestarts=1 ActiveState=active "NFileDescriptorStore=$2"
	[[ $(prop contain@deb MainPID) != "$1" ]] || fail 'the same process after a reboot'
	[[ $(prop contain@deb MainPID) == "$(leader deb)" ]] || fail "main process $(prop contain@deb MainPID), leader $(leader deb)"
}

crashes() {
	kill -KILL "$(prop contain@one MainPID)"
	eventually 20 want contain@one ActiveState=failed Result=signal ExecMainStatus=9
	eventually 10 no_traces one
	systemctl reset-failed contain@one
}
