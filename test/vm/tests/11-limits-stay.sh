# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Limits set for good are there again after the machine's and the host's restart.

part1() {
	mctl start deb
	systemctl set-property machine-deb.scope MemoryMax=400M TasksMax=300
	systemctl -M deb reboot
	eventually 60 want contain@deb NRestarts=1 ActiveState=active
	limited
	mctl poweroff deb
	eventually 20 want contain@deb ActiveState=inactive
	mctl start deb
	limited
	mctl enable deb
	reboot_host
}

part2() {
	eventually 60 want contain@deb ActiveState=active
	limited
}

limited() {
	want machine-deb.scope MemoryMax=419430400 TasksMax=300
	[[ $(cat /sys/fs/cgroup/machine.slice/machine-deb.scope/memory.max) == 419430400 ]] || fail 'the kernel has no limit'
}
