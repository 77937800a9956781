# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# machined-go is restarted and killed while machines run; nothing of theirs is lost.

part1() {
	local how main name
	copy_deb one
	mctl start deb one
	main=$(prop contain@deb MainPID)
	for how in 'restart machined-go' 'kill -s KILL machined-go'; do
		# shellcheck disable=SC2086 # two words
		systemctl $how
		eventually 20 known
		want contain@deb ActiveState=active "MainPID=$main"
		mctl shell deb /bin/true || fail "no shell after $how"
	done
	systemctl stop machined-go
	systemctl stop contain@one
	want contain@one ActiveState=inactive Result=success
	systemctl -M deb reboot || inside deb 'systemctl reboot'
	eventually 60 want contain@deb NRestarts=1 ActiveState=active
	systemctl start machined-go
	[[ $(machinectl list --no-legend | awk '{ print $1 }') == deb ]] || fail "machinectl: $(machinectl list)"
	mctl poweroff deb
	want contain@deb ActiveState=inactive Result=success
	for name in deb one; do eventually 10 no_traces "$name"; done
}

known() { [[ $(machinectl list --no-legend | awk '{ print $1 }' | sort | xargs) == 'deb one' ]]; }
