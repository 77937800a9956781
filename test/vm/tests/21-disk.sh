# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# A limit of a machine's disk space holds inside, changes live, and stays; where the file system has none it is refused before anything is written.

part1() {
	local machines=/run/machines said
	said=$(mctl set deb disk=1G 2>&1) && fail 'a limit where there are no quotas'
	note "$said"
	[[ $said == *prjquota* ]] || fail 'not said what it takes'
	[[ ! -e /etc/machined-go/machines/deb.toml.d ]] || fail 'written all the same'

	truncate -s 200M /root/pool.img
	mkfs.ext4 -q -O quota,project -E quotatype=prjquota /root/pool.img
	mkdir -p $machines
	mount -o loop,prjquota /root/pool.img $machines
	tiny full 'while :; do cat /dev/zero >>/blob; sleep .2; done'
	mctl set full disk=40M
	mctl start full
	eventually 30 filled 25 40
	sleep 1
	filled 25 40 || fail "$(size) MiB"
	mctl set full disk=60M
	eventually 30 filled 50 60
	mctl terminate full
	rm $machines/full/blob
	mctl start full
	eventually 30 filled 50 60
	sleep 1
	filled 50 60 || fail "$(size) MiB after a restart"
	mctl set full disk=
	eventually 30 filled 100 200
	mctl terminate full
	rm $machines/full/blob
	umount $machines
}

size() { echo $(($(stat -c %s /run/machines/full/blob) / 1048576)); }

filled() { # AT-LEAST AT-MOST, in MiB
	note "$(size) MiB"
	(($(size) >= $1 && $(size) <= $2))
}
