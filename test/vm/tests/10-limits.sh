# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Limits that systemd is told for the machine's scope hold inside, and change live.

scope=machine-deb.scope

part1() {
	local controller
	mctl start deb
	[[ $(systemctl -M deb is-system-running --wait) == running ]] || fail 'guest does not run'
	for controller in cpu memory pids; do
		inside deb "grep -qw $controller /sys/fs/cgroup/cgroup.controllers" || fail "guest has no controller $controller"
	done
	memory
	tasks
	cpu
	io
	[[ $(systemctl -M deb is-system-running) =~ running|degraded ]] || fail 'guest is gone'
}

memory() {
	local before after
	systemctl set-property --runtime "$scope" MemoryMax=300M MemorySwapMax=0
	want "$scope" MemoryMax=314572800
	before=$(oom_kills)
	# tail keeps all of a line that does not end.
	inside deb 'head -c 600M /dev/zero | tail | wc -c' && fail '600M fit into 300M'
	after=$(oom_kills)
	note "OOM kills $before before, $after after; peak $(cat /sys/fs/cgroup/machine.slice/$scope/memory.peak)"
	((after > before)) || fail 'no OOM kill'
	want "$scope" ActiveState=active
	want contain@deb ActiveState=active SubState=running
	systemctl set-property --runtime "$scope" MemoryMax=infinity
	inside deb 'head -c 400M /dev/zero | tail | wc -c' || fail '400M do not fit into infinity'
}

oom_kills() { awk '$1 == "oom_kill" { print $2 }' "/sys/fs/cgroup/machine.slice/$scope/memory.events"; }

# The guest's systemd gives each of its services a share of the limit, so not to this one.
tasks() {
	local now
	now=$(prop "$scope" TasksCurrent)
	systemctl set-property --runtime "$scope" TasksMax=$((now + 20))
	want "$scope" TasksMax=$((now + 20))
	in_tasks "$fork_many" && fail "40 processes fit into $((now + 20)) tasks of which $now were there"
	(($(prop "$scope" TasksCurrent) <= now + 20)) || fail "$(prop "$scope" TasksCurrent) tasks"
	systemctl set-property --runtime "$scope" TasksMax=$((now + 100))
	in_tasks "$fork_many" || fail 'no 40 processes after the limit was raised'
}

in_tasks() { # COMMAND
	systemd-run -M deb -q --wait --pipe --collect -p TasksMax=infinity /bin/bash -c "$1" </dev/null
}

# shellcheck disable=SC2016 # for the shell inside
fork_many='set -m; for i in {1..40}; do sleep 20 & done 2>&1 || exit 1; [ "$(jobs -r | wc -l)" = 40 ]; s=$?; kill $(jobs -p); exit $s'

cpu() {
	local before after used
	systemctl set-property --runtime "$scope" CPUQuota=20%
	want "$scope" CPUQuotaPerSecUSec=200ms
	before=$(prop "$scope" CPUUsageNSec)
	inside deb 'timeout 5 bash -c "while :; do :; done"' || true
	after=$(prop "$scope" CPUUsageNSec)
	used=$(((after - before) / 1000000))
	note "$used ms of processor time in 5 s and a bit at 20%"
	((used < 3000)) || fail "used $used ms"
	(($(awk '$1 == "nr_throttled" { print $2 }' "/sys/fs/cgroup/machine.slice/$scope/cpu.stat") > 0)) || fail 'never throttled'
	systemctl set-property --runtime "$scope" CPUQuota=
}

io() {
	local began
	systemctl set-property --runtime "$scope" 'IOWriteBandwidthMax=/dev/vda 1M'
	want "$scope" 'IOWriteBandwidthMax=/dev/vda 1000000'
	began=$SECONDS
	inside deb 'dd if=/dev/zero of=/root/blob bs=256k count=20 oflag=direct 2>&1' || fail 'dd failed'
	note "5 MiB at 1 MB/s took $((SECONDS - began)) s"
	((SECONDS - began >= 4)) || fail 'faster than the limit'
	systemctl set-property --runtime "$scope" IOWriteBandwidthMax=
	rm "$machines/deb/root/blob"
}
