// SPDX-License-Identifier: Apache-2.0

package parity_test

// given is a directory of the host with a file of a user's and a mount in it.
const given = `mkdir -p given/sub; echo hello >given/file; chown 1000:1000 given/file; chmod 777 given; mount -t tmpfs none given/sub; touch given/sub/deep; `

// look tells what is seen of it.
const look = `cat /mnt/file; stat -c %u /mnt /mnt/file; ls /mnt/sub; touch /mnt/new && stat -c %u /mnt/new`

func mountRows() []row {
	return []row{
		{
			options: "--bind", keys: "Files.Bind", setup: given,
			args: "--bind=$work/given:/mnt", file: "[Files]\nBind=$work/given:/mnt",
			inside: look, want: "hello\n65534\ndeep",
		},
		{
			options: "--bind=PATH", setup: given + `own; chmod 755 $work`, tree: "$work/own",
			args: "--bind=$work/given", inside: `cat /var/lib/machines/work/given/file`, want: "hello",
		},
		{
			options: "--bind a\\:b", setup: `mkdir 'a:b'; echo colon >'a:b/file'`,
			args: `--bind=$work/a\\:b:/mnt`, inside: `cat /mnt/file`, want: "colon",
		},
		{
			options: "--bind=+", setup: `own; echo inner >own/srv/file`, tree: "$work/own",
			args: "--bind=+/srv:/mnt", inside: `cat /mnt/file; touch /mnt/x; stat -c %u /mnt/x; ls /srv`, want: "inner\n0\nx",
		},
		{
			options: "--bind=:", args: "--bind=:/mnt", inside: `ls -A /mnt; touch /mnt/x && stat -c %u /mnt/x; stat -c %u /mnt`, after: `ls -d /var/tmp/*temp* 2>/dev/null`,
			want: "\\d+",
		},
		{
			options: "--bind=norbind", setup: given, args: "--bind=$work/given:/mnt:norbind", inside: look, want: "hello\n65534",
		},
		{
			options: "--bind=noidmap", setup: given, args: "--bind=$work/given:/mnt:noidmap", inside: look, want: "hello\n65534",
		},
		{
			options: "--bind=idmap", setup: given, args: "--bind=$work/given:/mnt:norbind,idmap", inside: look, want: "hello\n0\n1000",
		},
		{
			options: "--bind=rootidmap", setup: given + `chown 1000:1000 given; `, args: "--bind=$work/given:/mnt:norbind,rootidmap", inside: look,
			want: "hello\n0",
		},
		{
			options: "--bind=owneridmap", since: 256, setup: given + `chown 1000:1000 given; `, args: "--bind=$work/given:/mnt:norbind,owneridmap", inside: look,
			want: "hello\n0",
		},
		{
			options: "--bind-ro", keys: "Files.BindReadOnly", setup: given,
			args: "--bind-ro=$work/given:/mnt", file: "[Files]\nBindReadOnly=$work/given:/mnt",
			inside: look + `; touch /mnt/sub/x || echo ro`, want: "hello\ndeep\nro",
		},
		{
			options: "--bind of a file", setup: `echo file >file`, args: "--bind-ro=$work/file:/etc/marker", inside: `cat /etc/marker; mountpoint -q /etc/marker && echo bound`,
			want: "file\nbound",
		},
		{
			options: "--inaccessible", keys: "Files.Inaccessible", args: "--inaccessible=/etc/marker --inaccessible=/srv", file: "[Files]\nInaccessible=/etc/marker\nInaccessible=/srv",
			inside: `stat -c '%F %a' /etc/marker /srv; cat /etc/marker 2>&1; ls -A /srv; findmnt -no OPTIONS /etc/marker | cut -c1-2`,
			want:   "regular empty file 0\ndirectory 0",
		},
		{
			options: "--tmpfs", keys: "Files.TemporaryFileSystem", args: "--tmpfs=/mnt --tmpfs=/srv:size=1M,mode=0700", file: "[Files]\nTemporaryFileSystem=/mnt\nTemporaryFileSystem=/srv:size=1M,mode=0700",
			inside: `stat -c '%n %u %a' /mnt /srv; findmnt -no FSTYPE /mnt; df --output=size /srv | tail -n 1; touch /mnt/x && echo written`,
			want:   "/mnt 0 755\n/srv 0 700\ntmpfs\n1024\nwritten",
		},
		{
			options: "--overlay", keys: "Files.Overlay",
			setup: layers, args: "--overlay=$work/low:$work/mid:$work/up:/mnt", file: "[Files]\nOverlay=$work/low:$work/mid:$work/up:/mnt",
			inside: `cat /mnt/*; echo new >/mnt/new && stat -c %u /mnt/new; findmnt -no FSTYPE /mnt`, after: `ls up low mid`,
			want: "of mid\nof up",
		},
		{
			options: "--overlay=::", setup: layers, args: "--overlay=$work/low::/mnt", inside: `cat /mnt/*; echo new >/mnt/new && cat /mnt/new; echo changed >/mnt/a`,
			after: `cat low/a; ls low`, want: "of low\nexit 2", differs: "its root can write there; the directory that stock makes is the host's root's", ours: "of low\nnew\nexit 0",
		},
		{
			options: "--overlay=+", setup: layers + `own; echo inner >own/srv/inner`, tree: "$work/own", args: "--overlay=+/srv:$work/low::/mnt", inside: `cat /mnt/*`, want: "of low\ninner",
		},
		{
			options: "--overlay-ro", keys: "Files.OverlayReadOnly",
			setup: layers, args: "--overlay-ro=$work/low:$work/mid:$work/up:/mnt", file: "[Files]\nOverlayReadOnly=$work/low:$work/mid:$work/up:/mnt",
			inside: `cat /mnt/*; touch /mnt/new 2>&1`, want: "of mid\nof up\n.*Read-only file system",
		},
		{
			options: "--bind-user", keys: "Files.BindUser",
			args: "--bind-user=user", file: "[Files]\nBindUser=user",
			inside: `ls /run/host/home /run/host/userdb; cat /run/host/userdb/user.user | tr ',' '\n' | grep -e userName -e '"uid"' -e homeDirectory; stat -c %u /run/host/home/user; touch /run/host/home/user/x && rm /run/host/home/user/x; grep -c . /proc/self/uid_map`,
			want:   "user.user\nuser\n60514\n3", ours: "60514.user\n60514.group\nuser.group\nuser.user\nuser.user-privileged\nuser\n..userName.:.user.\n.uid.:60514\n60514\n1",
			differs: "no process inside has the user's id of the host: the mount of the home directory maps it, as with newer stock",
		},
		{
			options: "--bind-user-shell", keys: "Files.BindUserShell", since: 258,
			args: "--bind-user=user --bind-user-shell=/bin/zsh", file: "[Files]\nBindUser=user\nBindUserShell=/bin/zsh",
			inside: `cat /run/host/userdb/user.user | tr ',' '\n' | grep -e shell`, want: ".*zsh.*",
		},
		{
			options: "--bind-user-group", since: 259,
			args: "--bind-user=user --bind-user-group=wheel", inside: `ls /run/host/userdb; cat /run/host/userdb/user.user | tr ',' '\n' | grep -A2 memberOf`, want: ".*wheel.*",
		},
	}
}

const layers = `mkdir low mid up; for d in low mid up; do echo of $d >$d/$d; done; echo of low >low/a; echo of mid >mid/a; rm low/low; chmod 777 up; `
