// SPDX-License-Identifier: Apache-2.0

package parity_test

// env is the environment without what is different each time.
const env = `env | grep -v -e ^container_ -e ^PWD= | sort`

func executionRows() []row {
	return []row{
		{
			options: "--as-pid2 -a", keys: "Exec.ProcessTwo",
			args: "-a", file: "[Exec]\nProcessTwo=yes\nParameters=/bin/sh /say", setup: `own; printf '%s\n' 'echo $$; (sleep 0.1 & ); sleep 0.3; ps -e -o pid=,ppid=,comm= >/tmp/list; grep -v -e ps -e "^ *1 " /tmp/list; exit 3' >own/say`, tree: "$work/own",
			inside: `exec /bin/sh /say`,
			want:   "2\nexit 3",
		},
		{
			options: "--boot -b", keys: "Exec.Boot Exec.Parameters",
			file:   "[Exec]\nBoot=yes\nParameters=one \"two three\"",
			script: `if [[ -e /etc/systemd/nspawn/parity.nspawn ]]; then machine; else machine -b one "two three"; fi; echo exit $?`,
			want:   "init 1 one two three\nexit 0",
		},
		{
			keys: "Exec.Boot=no Exec.Parameters", file: "[Exec]\nBoot=no\nParameters=/bin/sh -c \"echo \\$\\$ 'a  b'\"",
			script: `machine; echo exit $?`, want: "1 a b\nexit 0",
		},
		{
			options: "--chdir", keys: "Exec.WorkingDirectory",
			args: "--chdir=/usr/lib", file: "[Exec]\nWorkingDirectory=/usr/lib",
			inside: `pwd`, want: `/usr/lib`,
		},
		{
			options: "--setenv -E", keys: "Exec.Environment",
			args: "-E A=1 --setenv='B=x  y' -E HOME=/srv", file: "[Exec]\nEnvironment=A=1\nEnvironment='B=x  y' HOME=/srv",
			inside: env, want: "A=1\nB=x y\nHOME=/srv\ncontainer=systemd-nspawn",
		},
		{
			options: "-E NAME",
			script:  `export A='from here'; machine -E A /bin/sh -c 'echo "$A"'`, want: "from here",
		},
		{
			options: "--user -u", keys: "Exec.User",
			args: "-u guest", file: "[Exec]\nUser=guest",
			inside: `id; pwd; ` + env, want: "uid=1000.guest. gid=1000.guest. groups=1000.guest.,1001.extra.\n/\nHOME=/home\nUSER=guest",
			differs: "a command begins in its user's home; with stock only a shell does that nobody asked for by name",
			ours:    "uid=1000.guest. gid=1000.guest. groups=1000.guest.,1001.extra.\n/home\nHOME=/home\nUSER=guest",
		},
		{
			options: "--uid", since: 261, args: "--uid=daemon", inside: `id; echo $HOME`, want: `uid=1.daemon..*`,
		},
		{
			options: "-u 1000", args: "-u 1000", inside: `id -u; grep -c . /proc/self/uid_map`, want: "1000",
		},
		{
			options: "--kill-signal", keys: "Exec.KillSignal",
			args: "--kill-signal=SIGUSR1", file: "[Exec]\nKillSignal=SIGUSR1",
			script: `machine "${args[@]}" /bin/sh -c 'trap "echo got USR1; exit 7" USR1; trap "echo got other; exit 8" TERM INT RTMIN+3; echo up; while :; do sleep 0.02; done' >said &
				until_true grep -q up said; pkill -TERM -x ${program:0:15}; wait $!; echo exit $?; cat said`,
			want: "up\ngot USR1\nexit 7",
		},
		{
			options: "--notify-ready", keys: "Exec.NotifyReady",
			args: "--notify-ready=yes", file: "[Exec]\nNotifyReady=yes",
			setup: `own`, script: notifyReady, want: "activating\nactive",
		},
		{
			options: "--suppress-sync", keys: "Exec.SuppressSync", since: 250,
			args: "--suppress-sync=yes", file: "[Exec]\nSuppressSync=yes",
			inside: `dd if=/dev/zero of=/tmp/x bs=1 count=1 oflag=sync 2>/dev/null; echo $?; sync; echo $?; perl -e 'open F, ">/tmp/y"; print syscall(74, fileno F), " ", syscall(74, 99), "\n"'`,
			want:   "1\n0\n0 0",
		},
	}
}

// notifyReady runs the machine as a service of type notify, that is ready when the machine's first process says so.
const notifyReady = `
cat >own/say <<'END'
touch /up; until [ -e /go ]; do sleep 0.02; done
exec perl -MSocket -e 'socket S, PF_UNIX, SOCK_DGRAM, 0; send S, "READY=1", 0, pack_sockaddr_un("/run/host/notify"); sleep 20'
END
systemctl reset-failed parity-ready 2>/dev/null
systemd-run -q --unit=parity-ready --collect -p Type=notify --no-block "$(type -P $program)" "${program[@]:1}" "${base[@]}" "${files[@]}" "${args[@]}" \
	-M parity -D $work/own /bin/sh /say
until_true test -e own/up; sleep 0.2; systemctl is-active parity-ready
touch own/go; until_true systemctl -q is-active parity-ready; systemctl is-active parity-ready; systemctl stop parity-ready
`
