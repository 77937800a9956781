// SPDX-License-Identifier: Apache-2.0

package parity_test

// terminal gives a way to run the program on a terminal of its own.
const terminal = `
on_terminal() {
	local plain=("${program[@]/-P/-q}")
	SYSTEMD_COLORS=16 TERM=xterm script -qec "timeout --foreground -k 2 10 ${plain[*]} ${base[*]} -M parity $*" /dev/null | tr -d '\r' | sed 's,\^@,,g'
}
`

func consoleRows() []row {
	return []row{
		{
			options: "--pipe -P", script: `machine -P /bin/sh -c 'cat; echo err >&2; exit 4' <<<in 2>&1; echo exit $?
				echo from | timeout 20 ${side/stock/systemd-nspawn -q} -P -D $tree --register=no 2>/dev/null || true`,
			want: "exit 4",
		},
		{
			options: "--console", setup: `own; printf '%s\n' 'for fd in 0 1 2; do [ -t $fd ] && echo $fd tty || echo $fd pipe; done' 'test -c /dev/console && echo console' >own/say`,
			script: terminal + `
				for mode in interactive read-only passive pipe; do echo "$mode:"; on_terminal --console=$mode -D $work/own /bin/sh /say </dev/null; done
				program=("${program[@]/-P/-q}")
				for mode in interactive read-only passive pipe autopipe; do echo "$mode:"; nspawn "${base[@]}" --console=$mode -D $work/own /bin/sh /say <<<in; done`,
			want:    "interactive:\n0 tty\npassive:\n0 tty\npipe:\n0 pipe\nautopipe:",
			differs: "stock shows what is written to a passive console, which by its manual is joined with nothing",
			ours:    "interactive:\n0 tty\npassive:\npipe:\n0 pipe\nautopipe:",
		},
		{
			options: "--background", since: 256,
			script: terminal + `on_terminal --background=44 -D $tree /bin/echo hello | tr '\033' '#' | grep -o '#\[[0-9;]*m' | sort -u`,
			want:   ".*#.44m",
		},
		{
			options: "--set-credential", args: `--set-credential=one:'two\n\x41'`,
			inside: `cat $CREDENTIALS_DIRECTORY/one; echo; stat -c '%a %u' $CREDENTIALS_DIRECTORY $CREDENTIALS_DIRECTORY/one; touch $CREDENTIALS_DIRECTORY/x 2>&1; echo $CREDENTIALS_DIRECTORY`,
			want:   "two\nA\n500 0\n400 0",
		},
		{
			options: "--load-credential", setup: `printf secret >file; chmod 600 file`, args: `--load-credential=one:$work/file`,
			inside: `cat /run/host/credentials/one; echo; stat -c '%a %u' /run/host/credentials/one; findmnt -no FSTYPE /run/host/credentials | head -n 1`,
			want:   "secret\n400 0",
		},
		{
			options: "--load-credential=NAME", setup: `mkdir creds; printf given >creds/mine`,
			script: `export CREDENTIALS_DIRECTORY=$work/creds; machine --load-credential=one:mine /bin/sh -c 'cat /run/host/credentials/one'`,
			want:   "given",
		},
	}
}

func otherRows() []row {
	return []row{
		{
			options: "--help -h", script: `nspawn --help | grep -c -e --bind=PATH; nspawn -h >/dev/null; echo exit $?`, want: "\\d+\nexit 0",
		},
		{
			options: "--version", differs: "the version is that of mctl: mctl version",
			script: `nspawn --version 2>&1 | head -n 1; [[ $side == ours ]] && mctl version`, want: "systemd [0-9]+.*", ours: "mctl.*",
		},
		{
			options: "--quiet -q --no-pager", script: `machine -q --no-pager /bin/echo quiet 2>&1`, want: "quiet",
		},
		{
			options: "--no-ask-password --system", since: 261, script: `machine --no-ask-password --system /bin/echo quiet`, want: "quiet",
		},
		{
			options: "--cleanup", since: 261, script: `nspawn --cleanup -D $tree -M parity; echo exit $?; machine /bin/echo works`, want: "exit 0\nworks",
		},
		{
			options: "--settings", setup: `own; printf '[Exec]\nHostname=of-the-file\n[Files]\nTemporaryFileSystem=/mnt\n' >parity.nspawn`, tree: "$work/own",
			script: `for mode in no yes override trusted; do echo $mode; machine --settings=$mode --hostname=of-the-flag /bin/sh -c 'hostname; mountpoint -q /mnt && echo mount'; machine --settings=$mode /bin/hostname; done`,
			want:   "of-the-file\nof-the-flag\nmount",
		},
		{
			options: "--share-system", alone: "stock's share all processes; ours says which namespaces can be shared, and how",
			script: `machine --share-system /bin/true 2>&1; echo exit $?`, want: "mctl: .*namespaces of their own.*\nexit 125",
		},
		{
			options: "--user=", since: 261, alone: "stock runs a machine of the user's service manager, of which root has none here",
			script: `machine --user=daemon /bin/true; machine --user -D $tree 2>&1; echo exit $?`, want: ".*--uid.*\nexit 125",
		},
	}
}
