# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# CPUQuota= and IOWriteBandwidthMax= of the scope hold inside and change live.

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
	systemctl set-property --runtime "$scope" CPUQuota=20%
	want "$scope" CPUQuotaPerSecUSec=200ms
	sleep 1
	share=$(share_in 6)
	note "$share% of a processor at 20%"
	((share <= 30)) || fail "used $share%"
	(($(awk '$1 == "nr_throttled" { print $2 }' "/sys/fs/cgroup/machine.slice/$scope/cpu.stat") > 0)) || fail 'never throttled'
	systemctl set-property --runtime "$scope" CPUQuota=
	share=$(share_in 3)
	note "$share% with the limit gone"
	((share > 40)) || fail "used only $share% without a limit"
	systemctl -M deb stop burn
}

share_in() { # SECONDS; the machine's use of processor time, in percent
	local before began
	began=$(date +%s%N) before=$(prop "$scope" CPUUsageNSec)
	sleep "$1"
	echo $((($(prop "$scope" CPUUsageNSec) - before) * 100 / ($(date +%s%N) - began)))
}

io() {
	local began
	systemctl set-property --runtime "$scope" 'IOWriteBandwidthMax=/dev/vda 1M'
	want "$scope" 'IOWriteBandwidthMax=/dev/vda 1000000'
	began=$SECONDS
	inside deb 'dd if=/dev/zero of=/root/blob bs=256k count=24 oflag=direct 2>&1' || fail 'dd failed'
	note "6 MiB at 1 MB/s took $((SECONDS - began)) s"
	((SECONDS - began >= 5)) || fail 'faster than the limit'
	systemctl set-property --runtime "$scope" IOWriteBandwidthMax=
	rm "$machines/deb/root/blob"
}
