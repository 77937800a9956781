# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Devices that a machine was not given can neither be made nor opened.

part1() {
	local node
	# As if the image had brought them along.
	mknod "$machines/deb/root/disk" b "$((0x$(stat -c %t /dev/vda)))" "$((0x$(stat -c %T /dev/vda)))"
	mknod "$machines/deb/root/mem" c 1 1
	mknod "$machines/deb/root/kmsg" c 1 11
	chmod 666 "$machines"/deb/root/{disk,mem,kmsg}
	mctl start deb
	for node in 'disk b 254 0' 'mem c 1 1' 'kmsg c 1 11' 'null c 1 3'; do
		refused "mknod /root/new-$node"
		refused "mknod /dev/new-$node"
	done
	for node in disk mem kmsg; do
		refused "dd if=/root/$node of=/root/stolen bs=512 count=1"
		[[ ! -s $machines/deb/root/stolen ]] || fail "read /root/$node"
	done
	refused 'mkdir -p /root/dev && mount -t devtmpfs dev /root/dev && dd if=/root/dev/vda of=/dev/null bs=512 count=1'
	refused 'test -e /dev/vda || exit 1'
	for node in null zero full random urandom tty ptmx pts/ptmx net/tun fuse; do
		inside deb "test -c /dev/$node" || fail "no /dev/$node"
	done
	inside deb 'echo >/dev/null; head -c 9 /dev/zero /dev/urandom >/dev/null; script -qc true /dev/null' || fail 'the usual devices do not work'
	inside deb ': <>/dev/net/tun' || fail 'cannot open /dev/net/tun, which every machine has'
	inside deb ': <>/dev/fuse' || fail 'cannot open /dev/fuse, which every machine has'
	want machine-deb.scope DevicePolicy=closed
}

refused() { # COMMAND
	local said
	said=$(inside deb "$1" 2>&1) && fail "worked inside: $1"
	note "$1: $said"
}
