# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Devices that a machine was not given can neither be made nor opened, with and without users of its own, and those that it was given can be
# used as far as it was allowed to.

part1() {
	local numbers
	numbers="$((0x$(stat -c %t /dev/vda))) $((0x$(stat -c %T /dev/vda)))"
	bring_nodes
	with ''
	denied "$numbers"
	refused 'mknod /root/new-null c 1 3'
	refused 'mount -t devtmpfs dev /root/dev'
	with 'users.namespace = "no"'
	denied "$numbers"
	given ''
	given 'users.namespace = "no"'
}

# Starts the machine with these settings.
with() { # TEXT
	note "settings: $1"
	mctl poweroff deb 2>/dev/null || true
	mkdir -p /etc/machined-go/machines
	printf '%s\n' "$1" >/etc/machined-go/machines/deb.toml
	mctl start deb
}

bring_nodes() {
	# As if the image had brought them along.
	mknod "$machines/deb/root/disk" b "$((0x$(stat -c %t /dev/vda)))" "$((0x$(stat -c %T /dev/vda)))"
	mknod "$machines/deb/root/mem" c 1 1
	mknod "$machines/deb/root/kmsg" c 1 11
	chmod 666 "$machines"/deb/root/{disk,mem,kmsg}
}

denied() { # NUMBERS OF THE DISK
	local node
	for node in "disk b $1" 'mem c 1 1' 'kmsg c 1 11'; do
		refused "mknod /root/new-$node"
		refused "mknod /dev/new-$node"
	done
	for node in disk mem kmsg; do
		rm -f "$machines/deb/root/stolen"
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

given() { # MORE SETTINGS
	local first
	first=$(head -c 512 /dev/vda | sha256sum)
	with "$1
[[device]]
path = \"/dev/vda\"
target = \"/dev/mydisk\"
access = \"r\"
user = 33
mode = \"0400\"

[[device]]
path = \"/dev/kmsg\""
	[[ $(inside deb 'head -c 512 /dev/mydisk | sha256sum') == "$first" ]] || fail 'cannot read the disk that it was given'
	[[ $(inside deb 'stat -c "%u %g %a" /dev/mydisk') == '33 0 400' ]] || fail "not whose it shall be: $(inside deb 'stat /dev/mydisk')"
	refused 'dd if=/dev/urandom of=/dev/mydisk bs=512 count=1 conv=notrunc' # granted to be read
	[[ $(head -c 512 /dev/vda | sha256sum) == "$first" ]] || fail 'it wrote to the disk'
	inside deb 'echo granted >/dev/kmsg' || fail 'cannot write to a device that it was given'
	refused 'dd if=/root/mem of=/dev/null bs=1 count=1'
	refused 'mknod /root/more b 254 0'
}

refused() { # COMMAND
	local said
	said=$(inside deb "$1" 2>&1) && fail "worked inside: $1"
	note "$1: $said"
}
