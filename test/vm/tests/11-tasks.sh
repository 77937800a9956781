# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# TasksMax= of the scope holds inside and changes live.

scope=machine-deb.scope

part1() {
	local now
	mctl start deb
	want "$scope" TasksMax=16384
	now=$(prop "$scope" TasksCurrent)
	systemctl set-property --runtime "$scope" TasksMax=$((now + 20))
	want "$scope" TasksMax=$((now + 20))
	fork_many && fail "40 processes fit into $((now + 20)) tasks of which $now were there"
	(($(prop "$scope" TasksCurrent) <= now + 20)) || fail "$(prop "$scope" TasksCurrent) tasks"
	systemctl set-property --runtime "$scope" TasksMax=$((now + 100))
	fork_many || fail 'no 40 processes after the limit was raised'
	inside deb 'echo max >/sys/fs/cgroup/pids.max' && fail 'the guest may change its own limit'
	want contain@deb ActiveState=active SubState=running
}

# The guest's systemd gives each of its services a share of the limit; not this one.
fork_many() {
	# shellcheck disable=SC2016 # for the shell inside
	systemd-run -M deb -q --wait --pipe --collect -p TasksMax=infinity /bin/bash -c '
		set -m
		for i in {1..40}; do sleep 60 & done
		[ "$(jobs -r | wc -l)" = 40 ] && kill $(jobs -p)' </dev/null
}
