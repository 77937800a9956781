# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A limit of memory holds inside, kills only who asks for too much, and changes live, by mctl and by systemctl.

scope=machine-deb.scope

part1() {
	local controller before after
	mctl start deb
	[[ $(systemctl -M deb is-system-running --wait) == running ]] || fail 'guest does not run'
	for controller in cpu memory pids; do
		inside deb "grep -qw $controller /sys/fs/cgroup/cgroup.controllers" || fail "guest has no controller $controller"
	done
	mctl set deb memory=200M swap=0
	want "$scope" MemoryMax=209715200 MemorySwapMax=0
	before=$(oom_kills)
	# tail keeps all of a line that does not end.
	inside deb 'head -c 400M /dev/zero | tail | wc -c' && fail '400M fit into 200M'
	after=$(oom_kills)
	note "OOM kills $before before, $after after; peak $(cat "/sys/fs/cgroup/machine.slice/$scope/memory.peak")"
	((after > before)) || fail 'no OOM kill'
	want "$scope" ActiveState=active
	want contain@deb ActiveState=active SubState=running
	systemctl set-property --runtime "$scope" MemoryMax=infinity
	inside deb 'head -c 250M /dev/zero | tail | wc -c' || fail '250M do not fit into infinity'
	mctl set deb memory=300M
	[[ $(cat "/sys/fs/cgroup/machine.slice/$scope/memory.max") == 314572800 ]] || fail 'the kernel has another limit'
	inside deb 'head -c 400M /dev/zero | tail | wc -c' && fail '400M fit into 300M'
	inside deb 'echo 1G >/sys/fs/cgroup/memory.max' && fail 'the guest may change its own limit'
	want contain@deb ActiveState=active SubState=running
}

oom_kills() { awk '$1 == "oom_kill" { print $2 }' "/sys/fs/cgroup/machine.slice/$scope/memory.events"; }
