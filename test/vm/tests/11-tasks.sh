# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A limit of tasks holds inside, also against who wants as many as there are, and changes live.

scope=machine-deb.scope

part1() {
	local now
	mctl start deb
	want "$scope" TasksMax=16384
	now=$(prop "$scope" TasksCurrent)
	mctl set deb tasks=$((now + 20))
	want "$scope" TasksMax=$((now + 20))
	fork_many && fail "40 processes fit into $((now + 20)) tasks of which $now were there"
	(($(prop "$scope" TasksCurrent) <= now + 20)) || fail "$(prop "$scope" TasksCurrent) tasks"
	mctl set deb tasks=$((now + 100))
	fork_many || fail 'no 40 processes after the limit was raised'
	bomb "$now"
	inside deb 'echo max >/sys/fs/cgroup/pids.max' && fail 'the guest may change its own limit'
	want contain@deb ActiveState=active SubState=running
}

bomb() { # TASKS THAT ARE THERE
	local limit=$(($1 + 60)) unit="/sys/fs/cgroup/machine.slice/$scope/system.slice/bomb.service"
	mctl set deb tasks=$limit
	# shellcheck disable=SC2016 # for the shell inside
	systemd-run -M deb -q --unit bomb -p Type=exec -p TasksMax=infinity -p KillMode=control-group /bin/bash -c '
		bomb() { bomb | bomb & bomb | bomb & sleep 60; }
		bomb' </dev/null 2>/dev/null
	eventually 60 crowded $((limit - 2))
	for _ in {1..10}; do
		(($(prop "$scope" TasksCurrent) <= limit)) || fail "$(prop "$scope" TasksCurrent) tasks, more than $limit"
		sleep 0.2
	done
	note "$(prop "$scope" TasksCurrent) tasks of $limit while the bomb goes off"
	echo 1 >"$unit/cgroup.kill"
	eventually 30 test ! -d "$unit"
}

crowded() { (($(prop "$scope" TasksCurrent) >= $1)); } # TASKS

# The guest's systemd gives each of its services a share of the limit; not this one.
fork_many() {
	# shellcheck disable=SC2016 # for the shell inside
	systemd-run -M deb -q --wait --pipe --collect -p TasksMax=infinity /bin/bash -c '
		set -m
		for i in {1..40}; do sleep 60 & done
		[ "$(jobs -r | wc -l)" = 40 ] && kill $(jobs -p)' </dev/null
}
