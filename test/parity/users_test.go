// SPDX-License-Identifier: Apache-2.0

package parity_test

// idMaps tells which ids of the host the machine has, and whose its files are.
const idMaps = `cat /proc/self/uid_map /proc/self/gid_map; stat -c '%u %g' / /etc/marker; touch /tmp/x; stat -c %u /tmp/x`

func userRows() []row {
	return []row{
		{
			options: "--private-users=no", keys: "Exec.PrivateUsers", base: "--private-network",
			args: "--private-users=no", file: "[Exec]\nPrivateUsers=no",
			inside: idMaps, want: "0 0 4294967295",
		},
		{
			options: "--private-users=pick", keys: "Exec.PrivateUsers", base: "--private-network",
			args: "--private-users=pick --private-users-ownership=map", file: "[Exec]\nPrivateUsers=pick\n[Files]\nPrivateUsersOwnership=map",
			inside: idMaps, want: "0 [1-9][0-9]+ 65536\n0 0",
		},
		{
			options: "-U", base: "--private-network", args: "-U", inside: idMaps, want: "0 [1-9][0-9]+ 65536\n0 0",
		},
		{
			options: "--private-users", keys: "Exec.PrivateUsers", base: "--private-network",
			setup: `own; chown -R -h 1310720:1310720 own`, tree: "$work/own",
			args: "--private-users", file: "[Exec]\nPrivateUsers=yes",
			inside: idMaps, want: "0 1310720 65536\n0 0",
		},
		{
			options: "--private-users=identity", keys: "Exec.PrivateUsers", base: "--private-network",
			args: "--private-users=identity", file: "[Exec]\nPrivateUsers=identity",
			inside: idMaps, want: "0 0 65536\n0 0",
		},
		{
			options: "--private-users=BASE:COUNT", keys: "Exec.PrivateUsers", base: "--private-network", setup: `own; chown -R -h 1376256:1376256 own`, tree: "$work/own",
			args: "--private-users=1376256:131072", file: "[Exec]\nPrivateUsers=1376256:131072",
			inside: idMaps, want: "0 1376256 131072\n0 0",
		},
		{
			options: "--private-users=managed", since: 258, base: "--private-network",
			args: "--private-users=managed", inside: idMaps,
			alone: "stock's ranges come from systemd-nsresourced, which needs BPF that the lab does not have; ours picks one as ever",
			want:  "0 [1-9][0-9]+ 65536\n0 0",
		},
		{
			options: "--private-users-ownership=chown", keys: "Files.PrivateUsersOwnership", base: "--private-network", setup: `own`, tree: "$work/own",
			args: "--private-users=1441792 --private-users-ownership=chown", file: "[Exec]\nPrivateUsers=1441792\n[Files]\nPrivateUsersOwnership=chown",
			inside: idMaps, after: `stat -c '%u %g' own own/etc/marker`, want: "0 1441792 65536\n0 0\n1441792 1441792",
		},
		{
			options: "--private-users-chown", keys: "Files.PrivateUsersChown", base: "--private-network", setup: `own`, tree: "$work/own",
			args: "--private-users=1441792 --private-users-chown", file: "[Exec]\nPrivateUsers=1441792\n[Files]\nPrivateUsersChown=yes",
			inside: idMaps, after: `stat -c '%u %g' own own/etc/marker`, want: "0 1441792 65536\n0 0\n1441792 1441792",
		},
		{
			options: "--private-users-ownership", keys: "Files.PrivateUsersOwnership", base: "--private-network", setup: `own`, tree: "$work/own",
			args: "--private-users=1441792 --private-users-ownership=map", file: "[Exec]\nPrivateUsers=1441792\n[Files]\nPrivateUsersOwnership=map",
			inside: idMaps, after: `stat -c '%u %g' own own/etc/marker`, want: "0 1441792 65536\n0 0",
		},
		{
			options: "--private-users-ownership=off", keys: "Files.PrivateUsersOwnership", base: "--private-network", setup: `own`, tree: "$work/own",
			args: "--private-users=1441792 --private-users-ownership=off", file: "[Exec]\nPrivateUsers=1441792\n[Files]\nPrivateUsersOwnership=off",
			inside: `stat -c '%u %g' /etc/marker; touch /etc/x || echo not mine`, after: `stat -c '%u %g' own/etc/marker`,
			want: "65534 65534\nnot mine\n0 0",
		},
		{
			options: "--private-users-ownership=foreign", since: 258, base: "--private-network", setup: `own; chown -R -h 2147352576:2147352576 own`, tree: "$work/own",
			args: "--private-users=1441792 --private-users-ownership=foreign", inside: idMaps, after: `stat -c '%u %g' own/etc/marker`,
			alone: "stock fails in such a tree where it makes what is missing in it, as /var/log: value too large",
			want:  "0 1441792 65536\n0 0\n2147352576 2147352576",
		},
		{
			options: "--private-users-delegate", keys: "Exec.PrivateUsersDelegate", since: 260,
			args: "--private-users=pick --private-users-delegate=2", file: "[Exec]\nPrivateUsers=pick\nPrivateUsersDelegate=2", inside: idMaps,
			alone: "stock's ranges come from systemd-nsresourced, which needs BPF that the lab does not have",
			want:  "0 [1-9][0-9]+ 65536\n([0-9]+) [0-9]+ (131072|65536)",
		},
	}
}
