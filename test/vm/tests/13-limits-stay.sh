# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Limits that mctl set, and those in drop-ins of the scope, hold after the machine's and the host's restart; those for the running host do not.

dropin=/etc/systemd/system/machine-deb.scope.d

part1() {
	mctl set deb memory=400M cpu=90% io_read=/dev/vda=50M
	mkdir -p "$dropin"
	printf '[Scope]\nTasksMax=300\n' >"$dropin/limits.conf"
	systemctl daemon-reload
	mctl start deb
	limited 'at the start'
	systemctl -M deb reboot
	eventually 240 want contain@deb NRestarts=1 ActiveState=active
	limited 'after a reboot of the guest'
	mctl poweroff deb
	eventually 60 want contain@deb ActiveState=inactive
	mctl enable --now deb
	limited 'after a start'
	mctl set --runtime deb memory=600M cpu_weight=20
	want machine-deb.scope MemoryMax=629145600 CPUWeight=20
	mctl reboot deb
	want machine-deb.scope MemoryMax=629145600 CPUWeight=20
	reboot_host
}

part2() {
	eventually 240 want contain@deb ActiveState=active
	limited 'after a reboot of the host'
	want machine-deb.scope 'CPUWeight=[not set]'
	systemctl set-property --runtime machine-deb.scope MemoryMax=500M
	want machine-deb.scope MemoryMax=524288000
	rm -r "$dropin"
}

limited() { # WHEN
	local group=/sys/fs/cgroup/machine.slice/machine-deb.scope
	note "$1"
	want machine-deb.scope MemoryMax=419430400 TasksMax=300 CPUQuotaPerSecUSec=900ms 'IOReadBandwidthMax=/dev/vda 52428800'
	[[ $(cat $group/memory.max) == 419430400 ]] || fail 'the kernel has no limit of memory'
	[[ $(cat $group/pids.max) == 300 ]] || fail 'the kernel has no limit of tasks'
	[[ $(cat $group/cpu.max) == '90000 100000' ]] || fail 'the kernel has no limit of processor time'
	grep -q 'rbps=52428800' $group/io.max || fail 'the kernel has no limit of bandwidth'
}
