# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The host is one: systemd runs without a failed unit, our daemon has the name, all v2 controllers are there.

part1() {
	local controller
	[[ $(systemctl is-system-running --wait) == running ]] ||
		fail "host is $(systemctl is-system-running), failed: $(systemctl --failed --plain --no-legend)"
	want machined-go ActiveState=active
	machinectl list
	[[ $(stat -f -c %T /sys/fs/cgroup) == cgroup2fs ]] || fail 'no cgroup v2'
	for controller in cpuset cpu io memory pids; do
		grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers || fail "no controller $controller"
	done
	note "$(uname -sr), $(systemctl --version | head -n 1)"
}
