// SPDX-License-Identifier: Apache-2.0

package clients_test

// machinectlRows are machinectl's verbs for machines, but for those that end
// one. A whole session at a terminal is tried in test/machine.
func machinectlRows() []row {
	return []row{
		{name: "machinectl list", script: `machinectl; machinectl list --all --no-legend --max-addresses=1; machinectl -M .host list --output=json`, want: `
			^MACHINE +CLASS +SERVICE +OS +VERSION +ADDRESSES$
			^deb +container +machined-go +debian +(\d+|-) +[0-9a-f.:]+…?$
			^1 machines listed\.$
			^\.host +host +- +debian
			"machine":"deb","class":"container","service":"machined-go","os":"debian"`},
		{name: "machinectl status", script: `id=$(inside cat /etc/machine-id); machinectl status deb --lines=5 --full | sed "s/${id:?}/ITS-ID/"
			machinectl status deb .host --lines=1 --output=json; inside grep PRETTY_NAME /etc/os-release; refused machinectl status none`, want: `
			^deb\(ITS-ID\)$
			^\s+Since: \w{3} [0-9-]+ [0-9:]+ UTC; .* ago$
			^\s+Leader: \d+ \(systemd\)$
			^\s+Service: machined-go; class container$
			^\s+Root: /var/lib/machines/deb$
			^\s+Iface: ve-deb$
			^\s+Address: [0-9a-f.:]+
			^\s+fe80::[0-9a-f:]+%\d+$
			^\s+(?s)OS: (.*)$.*^PRETTY_NAME=
			^\s+(U)?ID Shift: \d+$
			^\s+Unit: machine-deb\.scope$
			├─init\.scope\n.*\d+ (/usr)?/lib/systemd/systemd
			─systemd-journald\.service$
			^\w{3} \d\d [0-9:]+ \S+ deb\[\d+\]: .*OK
			"MESSAGE" ?: ?".*",?
			^\s+(Service: .*)?(Class|class):? host$
			No machine 'none' known`},
		{name: "machinectl show", script: `machinectl show deb .host; machinectl show --property=PoolPath
			[[ $(machinectl show deb -p Id --value) == "$(inside cat /etc/machine-id)" && $(ps -o comm= -p "$(leader)") == systemd ]]
			[[ $(</proc/$(leader)/cgroup) == */machine-deb.scope/init.scope ]]; refused machinectl show none`, want: `
			^Name=deb\nId=[0-9a-f]{32}\nTimestamp=.+\nTimestampMonotonic=\d+\nService=machined-go\nUnit=machine-deb\.scope\nLeader=\d+$
			^Class=container\nRootDirectory=/var/lib/machines/deb$
			^State=running$
			^Name=\.host$
			^Class=host\nRootDirectory=/$
			^PoolPath=/var/lib/machines$
			No machine 'none' known`},
		{name: "machinectl show -P", since: 256, script: `machinectl show deb -P Unit`, want: `^machine-deb\.scope$`},
		{name: "machinectl shell", script: `machinectl -q shell deb /bin/echo one 'two three' </dev/null; machinectl -q shell user@deb /usr/bin/id -un </dev/null
			machinectl -q --uid=user --setenv=WORD=said shell deb /bin/sh -c 'echo "$WORD in $PWD"' </dev/null; machinectl -q shell .host /bin/hostname </dev/null
			machinectl shell deb /usr/bin/tty </dev/null 2>&1; refused machinectl shell deb sh`, want: `
			^one two three\r?$
			^user\r?$
			^said in /home/user\r?$
			^lab-\S+\r?$
			(?s)^Connected to machine deb\..*^/dev/pts/\d+\r?$.*^Connection to machine deb terminated\.$
			Specified path 'sh' is not absolute`},
		{name: "machinectl enable and disable", script: `refused machinectl enable none; machinectl enable deb 2>&1; systemctl is-enabled contain@deb systemd-nspawn@deb
			machinectl disable deb 2>&1; systemctl is-enabled contain@deb || true`, want: `
			^Machine image 'none' does not exist\.
			(?s)Created symlink.*^enabled\nenabled\nRemoved.*^disabled$`},
		{name: "machinectl kill", script: `level() { [[ $(systemctl -M deb log-level) == "$1" ]]; }
			machinectl --kill-whom=leader --signal=SIGRTMIN+22 kill deb; until_true level debug; machinectl --kill-whom=leader -s SIGRTMIN+23 kill deb; until_true level info
			systemd-run -M deb -q --unit=halted -p Type=exec sleep 1000; state() { [[ $(inside ps -o stat= -C sleep) == "$1"* ]]; }
			systemctl -M deb --signal=STOP kill halted; until_true state T; machinectl --signal=CONT kill deb; until_true state S; systemctl -M deb stop halted
			refused machinectl --kill-whom=supervisor kill deb; refused machinectl --kill-whom=leader --signal=TERM kill .host`, want: `
			machine "deb" has no supervisor
			(?i)host`},
		{name: "machinectl bind", script: `mkdir -p /var/lib/machines/.data; cd /var/lib/machines/.data; echo here >word; unbind() { busctl call org.machinedgo /org/machinedgo org.machinedgo.Manager1 Unbind ss deb "$1"; }
			machinectl --mkdir bind deb "$PWD" /srv/new/place; machinectl --read-only bind deb "$PWD" /mnt; inside cat /srv/new/place/word; inside touch /srv/new/place/made; ls
			refused inside touch /mnt/other; refused machinectl bind deb /none /mnt; unbind /srv/new/place; unbind /mnt; inside ls -A /mnt /srv/new/place; rm -r "$PWD"`, want: `
			^here\nmade\nword$
			/mnt/other'?: Read-only file system
			^Failed to bind mount: .*(?i)no such file or directory$
			^/mnt:\n\n/srv/new/place:$`},
		{name: "machinectl copy-to", script: `mkdir -p /tmp/things/deep; cd /tmp; inside rm -rf /root/things; echo first >things/deep/file; chown -R user things; machinectl copy-to deb things /root/things
			inside sh -c 'cd /root/things/deep; cat file; stat -c "%U %n" file .'; echo second >things/deep/file; refused machinectl copy-to deb things/deep/file /root/things/deep/file
			machinectl --force copy-to deb things/deep/file /root/things/deep/file; inside cat /root/things/deep/file; echo third >/root/third; machinectl copy-to deb /root/third
			inside cat /root/third; inside rm -r /root/things /root/third; rm -r things /root/third; refused machinectl copy-to deb /none /root/none`, want: `
			^first\nroot file\nroot \.$
			^Failed to copy: .*(?i)file exists$
			^second\nthird$
			^Failed to copy: .*(?i)no such file or directory$`},
		{name: "machinectl copy-from", script: `rm -rf /tmp/out; inside sh -c 'mkdir -p /root/out; echo from >/root/out/file; chown user /root/out/file'; machinectl copy-from deb /root/out /tmp/out
			cat /tmp/out/file; stat -c '%U %n' /tmp/out/file; refused machinectl copy-from deb /root/out/file /tmp/out/file; inside sh -c 'echo again >/root/out/file'
			cd /tmp; machinectl --force copy-from deb /root/out/file out/file; cat /tmp/out/file; rm -r /tmp/out; inside rm -r /root/out`, want: `
			^from\nroot /tmp/out/file$
			^Failed to copy: .*(?i)file exists$
			^again$`},
		{name: "machinectl pause and resume", since: 261, script: `frozen() { cat /sys/fs/cgroup/machine.slice/machine-deb.scope/cgroup.freeze; }
			frozen; machinectl pause deb; frozen; machinectl resume deb; frozen; running; refused machinectl pause none`, want: `
			^0\n1\n0$
			NoSuchMachine|No machine`},
		{name: "machinectl bind-volume and unbind-volume", since: 261, script: `refused machinectl bind-volume deb fs:none; refused machinectl unbind-volume deb fs:none`, want: `
			^Failed to acquire storage volume 'fs:none'|^AddStorage failed for 'fs:none': .*NotSupported$
			^RemoveStorage failed for 'fs:none': .*NotSupported$`},
	}
}

// tiny makes images that are copied at once.
const tiny = `
tiny() { local name; for name; do mkdir -p "/var/lib/machines/$name"/{etc,usr}; echo 'PRETTY_NAME=Tiny' >"/var/lib/machines/$name/etc/os-release"; done; }
images() { ls -A /var/lib/machines | grep -v lck; }
`

// imageRows are machinectl's verbs for images.
func imageRows() []row {
	return []row{
		{name: "machinectl list-images", script: tiny + `tiny tiny; machinectl list-images; machinectl --all --no-legend list-images; machinectl list-images --output=json`, want: `
			^NAME +TYPE +RO +USAGE +CREATED +MODIFIED$
			^deb +directory no +\w{3} [0-9-]+ [0-9:]+ UTC -$
			^tiny +directory no
			^2 images listed\.$
			^\.host +directory no
			"name":"tiny","type":"directory","ro":(false|"no")`},
		{name: "machinectl image-status", script: tiny + `tiny tiny; machinectl image-status tiny deb; machinectl image-status; refused machinectl image-status none`, want: `
			^tiny\n\s+Type: directory\n\s+Path: /var/lib/machines/tiny(\n\s+OS: Tiny)?\n\s+RO: writable\n\s+Created: .* ago$
			^deb\n\s+Type: directory$
			^\s+Path: /var/lib/machines$
			No image 'none' known`},
		{name: "machinectl show-image", script: tiny + `tiny tiny; machinectl show-image tiny; machinectl show-image; refused machinectl show-image none`, want: `
			^Name=tiny\nPath=/var/lib/machines/tiny\nType=directory\nReadOnly=no\nCreationTimestamp=.+ UTC$
			^Limit=infinity$
			^PoolPath=/var/lib/machines$
			No image 'none' known`},
		{name: "machinectl clone", script: tiny + `tiny tiny; machinectl clone tiny other; cat /var/lib/machines/other/etc/os-release; machinectl --read-only clone tiny fixed; machinectl show-image fixed -p ReadOnly
			refused touch /var/lib/machines/fixed/file; refused machinectl clone tiny other; refused machinectl clone none more
			machinectl remove other fixed`, want: `
			^PRETTY_NAME=Tiny\nReadOnly=yes$
			Operation not permitted|Read-only
			^Could not clone image: .*(?i)file exists$
			^Could not clone image: No image 'none' known`},
		{name: "machinectl rename", script: tiny + `tiny tiny other; machinectl rename other another; images; refused machinectl rename deb elsewhere; refused machinectl rename another tiny
			rm -r /var/lib/machines/another`, want: `
			^another\ndeb\ntiny$
			^Could not rename image: .*(?i)(in use|busy)
			^Could not rename image: .*(?i)file exists$`},
		{name: "machinectl read-only", script: tiny + `tiny another; machinectl read-only another; machinectl show-image another -p ReadOnly; refused touch /var/lib/machines/another/file
			machinectl read-only another no; machinectl show-image another -p ReadOnly; touch /var/lib/machines/another/file; refused machinectl read-only another perhaps`, want: `
			^ReadOnly=yes$
			^ReadOnly=no$
			(?i)failed to parse boolean`},
		{name: "machinectl remove", script: tiny + `tiny tiny another fixed; machinectl remove another fixed; images; refused machinectl remove deb; refused machinectl remove another`, want: `
			^deb\ntiny$
			^Could not remove image: .*(?i)(in use|busy)
			^Could not remove image: No image 'another' known`},
		// Quotas are tried in machine/image, on btrfs.
		{name: "machinectl set-limit", script: tiny + `tiny tiny; refused machinectl set-limit tiny 1G; refused machinectl set-limit 10G; refused machinectl set-limit none -`, want: `
			(?s)^Could not set limit: .*operation not supported\nCould not set limit: .*operation not supported$
			No image 'none' known`},
		{name: "machinectl edit and cat", since: 254, script: `printf '#!/bin/bash\nprintf "[Exec]\\nHostname=edited\\n" >>"${!#}"\n' >/tmp/editor; chmod +x /tmp/editor; refused machinectl cat deb
			SYSTEMD_EDITOR=/tmp/editor script -qec 'machinectl edit deb' /dev/null </dev/null >/dev/null; machinectl cat deb; rm -r /etc/systemd/nspawn`, want: `
			^No settings file found for machine 'deb'\.$
			^# /etc/systemd/nspawn/deb\.nspawn\n(.*\n)*\[Exec\]\nHostname=edited$`},
		// Where layers and blobs of images lie is hidden too, and no image.
		{name: "machinectl clean", script: tiny + `mkdir -p /var/lib/machines/{.old/usr,.layers/sha256-0,.blobs}; machinectl clean 2>&1; tiny tiny; running; machinectl --all clean 2>&1; images; rmdir /var/lib/machines/{.layers/sha256-0,.layers,.blobs}`, want: `
			(?s)^Removed image '\.old'$.*^Removed \d images in total\..*^Removed image 'tiny'\nRemoved 1 images in total\..*^\.blobs\n\.layers\ndeb$`},
	}
}
