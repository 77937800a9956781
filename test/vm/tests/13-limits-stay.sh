# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Limits set for good, in drop-ins of the scope, hold after the machine's and the host's restart.

dropin=/etc/systemd/system/machine-deb.scope.d

part1() {
	mkdir -p "$dropin"
	printf '[Scope]\nMemoryMax=400M\nTasksMax=300\n' >"$dropin/limits.conf"
	systemctl daemon-reload
	mctl start deb
	limited 'at the start'
	systemctl -M deb reboot
	eventually 60 want contain@deb NRestarts=1 ActiveState=active
	limited 'after a reboot of the guest'
	mctl poweroff deb
	eventually 20 want contain@deb ActiveState=inactive
	mctl enable deb
	reboot_host
}

part2() {
	eventually 60 want contain@deb ActiveState=active
	limited 'after a reboot of the host'
	systemctl set-property --runtime machine-deb.scope MemoryMax=500M
	want machine-deb.scope MemoryMax=524288000
	rm -r "$dropin"
}

limited() { # WHEN
	note "$1"
	want machine-deb.scope MemoryMax=419430400 TasksMax=300
	[[ $(cat /sys/fs/cgroup/machine.slice/machine-deb.scope/memory.max) == 419430400 ]] || fail 'the kernel has no limit'
	[[ $(cat /sys/fs/cgroup/machine.slice/machine-deb.scope/pids.max) == 300 ]] || fail 'the kernel has no limit'
}
