// SPDX-License-Identifier: Apache-2.0

package parity_test

const capabilities = `grep ^Cap /proc/self/status`

func securityRows() []row {
	return []row{
		{
			options: "--capability", keys: "Exec.Capability", args: "--capability=CAP_SYS_TIME,CAP_SYSLOG", file: "[Exec]\nCapability=CAP_SYS_TIME CAP_SYSLOG",
			inside: capabilities, want: "CapBnd: [0-9a-f]+\nCapEff: [0-9a-f]+",
		},
		{
			options: "--capability=all", keys: "Exec.Capability", args: "--capability=all", file: "[Exec]\nCapability=all",
			inside: capabilities, want: "CapBnd: 000001ffffffffff\nCapInh: 0+", ours: "CapBnd: 000001ffffffffff\nCapInh: 000001ffffffffff",
			differs: "for stock all is no set of capabilities to inherit, with others it is",
		},
		{
			options: "--drop-capability", keys: "Exec.DropCapability", args: "--drop-capability=CAP_SYS_ADMIN,CAP_NET_ADMIN", file: "[Exec]\nDropCapability=CAP_SYS_ADMIN CAP_NET_ADMIN",
			inside: capabilities + `; hostname x 2>&1 | tail -c 20`, want: "CapBnd: 00000000fdccafff",
		},
		{
			options: "--drop-capability=all", keys: "Exec.DropCapability", args: "--drop-capability=all", file: "[Exec]\nDropCapability=all",
			inside: capabilities, want: "CapBnd: 0000000000000000\nCapEff: 0000000000000000",
		},
		{
			options: "--ambient-capability", keys: "Exec.AmbientCapability",
			args: "-u guest --ambient-capability=CAP_NET_RAW", file: "[Exec]\nUser=guest\nAmbientCapability=CAP_NET_RAW",
			inside: `id -u; ` + capabilities, want: "1000\nCapAmb: 0000000000002000\nCapEff: 0000000000002000",
		},
		{
			options: "--no-new-privileges", keys: "Exec.NoNewPrivileges", args: "--no-new-privileges=yes", file: "[Exec]\nNoNewPrivileges=yes",
			inside: `grep NoNewPrivs /proc/self/status`, want: "NoNewPrivs: 1",
		},
		{
			options: "--system-call-filter", keys: "Exec.SystemCallFilter",
			args: "--system-call-filter=fanotify_init --system-call-filter='~mkdir mkdirat @chown'", file: "[Exec]\nSystemCallFilter=fanotify_init\nSystemCallFilter=~mkdir mkdirat @chown",
			// 300 is fanotify_init, 101 ptrace, 298 perf_event_open: numbers of x86-64.
			inside: `mkdir /tmp/a 2>&1; chown 1 /etc/marker 2>&1; chmod 644 /etc/marker && echo chmod; perl -e 'for (300, 298) { my $r = syscall $_, 0, 0, 0, 0, 0; print "$_ ", $r < 0 ? int $! : "ok", "\n" }'`,
			want:   "mkdir: .*\nchown: .*\nchmod\n300 .*\n298 1",
		},
		{
			options: "--restrict-address-families", keys: "Exec.RestrictAddressFamilies", since: 261,
			args: "--restrict-address-families='AF_UNIX AF_INET'", file: "[Exec]\nRestrictAddressFamilies=AF_UNIX AF_INET",
			inside: families, want: "1 ok\n2 ok\n10 97\n16 97",
		},
		{
			options: "--restrict-address-families=~", keys: "Exec.RestrictAddressFamilies", since: 261,
			args: "--restrict-address-families='~AF_INET6'", file: "[Exec]\nRestrictAddressFamilies=~AF_INET6",
			inside: families, want: "1 ok\n2 ok\n10 97\n16 ok",
		},
		{
			options: "--restrict-address-families=none", keys: "Exec.RestrictAddressFamilies", since: 261,
			args: "--restrict-address-families=none", file: "[Exec]\nRestrictAddressFamilies=none",
			inside: families, want: "1 97\n2 97\n10 97\n16 97",
		},
		{
			options: "--selinux-context -Z", script: `machine -Z system_u:system_r:container_t:s0 /bin/true; [[ $? != 0 ]] && echo refused`,
			want: "refused",
		},
		{
			options: "--selinux-apifs-context -L", script: `machine -L system_u:object_r:container_file_t:s0 /bin/true; [[ $? != 0 ]] && echo refused || echo ignored`,
			want: "refused",
		},
	}
}

// families tells which of some address families there are sockets of: unix, inet, inet6, netlink.
const families = `perl -e 'for (1, 2, 10, 16) { socket(my $s, $_, $_ == 16 ? 3 : 2, 0) ? print "$_ ok\n" : print "$_ ", int $!, "\n" }'`
