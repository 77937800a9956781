# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Limits of processor time, processors and disk bandwidth hold inside and change live.

scope=machine-deb.scope

part1() {
	mctl start deb
	cpu
	io
	want contain@deb ActiveState=active SubState=running
}

cpu() {
	local share
	systemd-run -M deb -q --unit burn -p Type=exec /bin/bash -c 'while :; do :; done'
	mctl set deb cpu=20%
	want "$scope" CPUQuotaPerSecUSec=200ms
	sleep 1
	share=$(share_in 6)
	note "$share% of a processor at 20%"
	((share <= 30)) || fail "used $share%"
	(($(awk '$1 == "nr_throttled" { print $2 }' "/sys/fs/cgroup/machine.slice/$scope/cpu.stat") > 0)) || fail 'never throttled'
	mctl set deb cpu=
	share=$(share_in 3)
	note "$share% with the limit gone"
	((share > 40)) || fail "used only $share% without a limit"
	systemctl -M deb stop burn
	mctl set deb cpus=1
	want "$scope" AllowedCPUs=1
	[[ $(inside deb 'nproc; cat /sys/fs/cgroup/cpuset.cpus.effective') == $'1\n1' ]] || fail "more than one processor: $(inside deb nproc)"
	mctl set deb cpus=
	want "$scope" AllowedCPUs=0-1
	note "cpus '$(cat "/sys/fs/cgroup/machine.slice/$scope/cpuset.cpus")', effective $(cat "/sys/fs/cgroup/machine.slice/$scope/cpuset.cpus.effective")"
	note "inside $(inside deb 'nproc; cat /sys/fs/cgroup/cpuset.cpus.effective; grep Cpus_allowed_list /proc/1/status /proc/self/status')"
	[[ $(inside deb nproc) == "$(nproc)" ]] || fail 'not all processors again'
}

share_in() { # SECONDS; the machine's use of processor time, in percent
	local before began
	began=$(date +%s%N) before=$(prop "$scope" CPUUsageNSec)
	sleep "$1"
	echo $((($(prop "$scope" CPUUsageNSec) - before) * 100 / ($(date +%s%N) - began)))
}

io() {
	local began
	mctl set deb io_write=/dev/vda=1M
	want "$scope" 'IOWriteBandwidthMax=/dev/vda 1048576'
	began=$SECONDS
	inside deb 'dd if=/dev/zero of=/root/blob bs=256k count=24 oflag=direct 2>&1' || fail 'dd failed'
	note "6 MiB at 1 MiB/s took $((SECONDS - began)) s"
	((SECONDS - began >= 5)) || fail 'faster than the limit'
	mctl set deb io_write=
	want "$scope" IOWriteBandwidthMax=
	began=$SECONDS
	inside deb 'dd if=/dev/zero of=/root/blob bs=256k count=24 oflag=direct 2>&1' || fail 'dd failed'
	note "and $((SECONDS - began)) s with the limit gone"
	((SECONDS - began < 5)) || fail 'no faster without a limit'
	rm "$machines/deb/root/blob"
}
