// SPDX-License-Identifier: Apache-2.0

package parity_test

// disk makes a disk image of the small tree, with or without partitions.
const disk = `
fs() { mke2fs -q -t ext4 -d "$small" "$1" "${2:-96M}"; }
`

// pivot makes a tree in a tree.
const pivot = `mkdir tree; own tree/deploy; mkdir -p tree/deploy/old tree/usr; echo outer >tree/usr/outer`

func imageRows() []row {
	const verity = "disk images with verity are refused with a clear word for now; and the lab has no tools to make one"
	return []row{
		{
			options: "--directory -D",
			inside:  `cat /etc/marker; cd / && echo *`,
			want:    "the small tree\nbin dev etc home lib lib64 mnt proc root run sbin srv sys tmp usr var",
		},
		{
			options: "--template",
			script: `machine() { nspawn "${base[@]}" -M parity "$@"; }
				machine -D $work/new --template=$small /bin/sh -c 'cat /etc/marker; echo mine >/etc/marker'
				machine -D $work/new --template=$small /bin/sh -c 'cat /etc/marker'
				cat $small/etc/marker; ls`,
			want: "the small tree\nmine\nnew",
		},
		{
			options: "--ephemeral -x", keys: "Exec.Ephemeral", setup: `own`, tree: "$work/own",
			args: "-x", file: "[Exec]\nEphemeral=yes",
			inside: `cat /etc/marker; echo changed >/etc/marker; cat /etc/marker`,
			after:  `cat own/etc/marker; ls -A`,
			want:   "the small tree\nchanged\nown",
		},
		{
			options: "--image -i",
			setup:   disk + `fs image.raw`,
			script: `nspawn -i $work/image.raw "${base[@]}" -M parity /bin/sh -c 'cat /etc/marker; echo kept >>/etc/marker; findmnt -no FSTYPE /'
				nspawn -i $work/image.raw "${base[@]}" -M parity --read-only /bin/sh -c 'tail -n 1 /etc/marker; touch /etc/x || echo no'
				held image.raw`,
			want: "the small tree\next4\nkept\nno\n0",
		},
		{
			options: "--image-policy", since: 254,
			setup: disk + `fs image.raw`,
			script: `for policy in '*' root=unprotected root=unprotected+read-only-off root=open:=absent root= \
					- '' '~' root=absent root=unused root=verity root=encrypted root=read-only-on =growfs-on root=unprotected:home=unprotected home=open root=some some=open; do
					said=$(nspawn -i $work/image.raw "${base[@]}" -M parity --image-policy="$policy" /bin/cat /etc/marker 2>/dev/null)
					echo "$policy: $said"
				done; held image.raw`,
			want: "[*]: the small tree\nroot=unprotected: the small tree\nroot=unprotected[+]read-only-off: the small tree\nroot=open:=absent: the small tree\nroot=: the small tree\nroot=unprotected:home=unprotected: the small tree" +
				"\n-:\n:\n~:\nroot=absent:\nroot=unused:\nroot=verity:\nroot=encrypted:\nroot=read-only-on:\n=growfs-on:\nhome=open:\nroot=some:\nsome=open:\n0",
		},
		{
			options: "--mstack", since: 260,
			setup: `mkdir -p web.mstack/rw; cp -a $small web.mstack/layer@0; mkdir -p web.mstack/layer@1/etc; echo upper >web.mstack/layer@1/etc/marker`,
			base:  "--private-network",
			script: `nspawn --mstack=$work/web.mstack "${base[@]}" --private-users=no -M parity /bin/sh -c 'cat /etc/marker; id -u; echo kept >/kept; findmnt -no FSTYPE /'
				find web.mstack/rw -name kept | wc -l`,
			want: "upper\n0\noverlay\n1",
		},
		{
			options: "--oci-bundle", since: 242,
			setup: `mkdir bundle; own bundle/rootfs; cat >bundle/config.json <<'END'
{"ociVersion": "1.0.0", "process": {"user": {"uid": 0, "gid": 0}, "args": ["/bin/sh", "-c", "cat /etc/marker; pwd; echo $A"], "env": ["PATH=/bin", "A=b"], "cwd": "/usr"},
 "root": {"path": "rootfs"}, "mounts": [], "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}]}}
END`,
			script: `nspawn --oci-bundle=$work/bundle -M parity; echo exit $?`,
			want:   "the small tree\n/usr\nb\nexit 0",
		},
		{
			options: "--read-only", keys: "Files.ReadOnly",
			args: "--read-only", file: "[Files]\nReadOnly=yes",
			inside: `touch /x /etc/x 2>&1; touch /tmp/x && echo ok; findmnt -no OPTIONS / | grep -o ^..,`,
			want:   "ok\nro,",
		},
		{
			options: "--volatile", keys: "Files.Volatile",
			setup: `own; echo data >own/var/data; echo conf >own/etc/conf`, tree: "$work/own",
			base: "--private-network", args: "--private-users=no --volatile", file: "[Exec]\nPrivateUsers=no\n[Files]\nVolatile=yes",
			inside: `cat /usr/lib/os-release | head -n 1; ls -A /etc/conf /var/data 2>/dev/null; touch /usr/x || echo usr ro; touch /etc/x /var/x && echo rest rw; findmnt -no FSTYPE /`,
			after:  `ls own/etc/x own/var/x 2>&1 | wc -l`,
			want:   "usr ro\nrest rw\ntmpfs\n2",
		},
		{
			options: "--volatile=state", keys: "Files.Volatile",
			setup: `own; echo data >own/var/data; echo conf >own/etc/conf`, tree: "$work/own",
			base: "--private-network", args: "--private-users=no --volatile=state", file: "[Exec]\nPrivateUsers=no\n[Files]\nVolatile=state",
			inside: `cat /etc/conf; ls -A /var; touch /usr/x || echo usr ro; touch /etc/x || echo etc ro; touch /var/x && echo var rw; findmnt -no FSTYPE /var`,
			after:  `ls own/var`,
			want:   "conf\nlog\nusr ro\netc ro\nvar rw\ntmpfs\ndata", ours: "conf\nusr ro\netc ro\nvar rw\ntmpfs\nexit 0\ndata",
			differs: "stock makes a directory for journals in /var though it has none to link",
		},
		{
			options: "--volatile=overlay", keys: "Files.Volatile",
			setup: `own; echo conf >own/etc/conf`, tree: "$work/own",
			args: "--volatile=overlay", file: "[Files]\nVolatile=overlay",
			inside: `cat /etc/conf; echo new >/etc/conf; touch /usr/x && cat /etc/conf; stat -c %u /etc/conf /usr; findmnt -no FSTYPE /`,
			after:  `cat own/etc/conf; ls own/usr/x 2>&1 | wc -l`,
			want:   "conf\nnew\n0\noverlay\n1",
		},
		{
			options: "--volatile=no", keys: "Files.Volatile", args: "--volatile=no", file: "[Files]\nVolatile=no", setup: `own`, tree: "$work/own",
			inside: `touch /etc/x && echo rw`, after: `ls own/etc/x`, want: "rw\nown/etc/x",
		},
		{
			options: "--root-hash --root-hash-sig --verity-data", alone: verity,
			script: `for flag in --root-hash=0123456789abcdef0123456789abcdef --root-hash-sig=/x --verity-data=/x; do nspawn -i $work/image.raw $flag 2>&1; echo exit $?; done`,
			want:   "mctl: .*images with verity are not supported yet.*\nexit 125",
		},
		{
			options: "--pivot-root", keys: "Exec.PivotRoot",
			setup: pivot, tree: "$work/tree", args: "--pivot-root=/deploy", file: "[Exec]\nPivotRoot=/deploy",
			inside: `cat /etc/marker; ls /; touch /etc/x && echo rw; cat /proc/1/comm; ls /run/host/os-release`,
			after:  `ls tree/deploy/etc/x`,
			want:   "the small tree\nold\nrw\nsh",
		},
		{
			options: "--pivot-root=NEW:OLD", keys: "Exec.PivotRoot", keyed: "Exec.PivotRoot=NEW:OLD", since: 257,
			setup: pivot, tree: "$work/tree", base: "--private-network",
			args: "--private-users=no --pivot-root=/deploy:/old", file: "[Exec]\nPrivateUsers=no\nPivotRoot=/deploy:/old",
			inside: `cat /etc/marker /old/usr/outer`, want: "the small tree\nouter",
		},
	}
}
