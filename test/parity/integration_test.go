// SPDX-License-Identifier: Apache-2.0

package parity_test

// resolver gives the host files to find names by, of which each can be told from the others; /etc/resolv.conf is a link to the last.
const resolver = `
own; echo 'nameserver 192.0.2.99' >own/etc/resolv.conf
echo 'nameserver 192.0.2.1' >/usr/lib/systemd/resolv.conf
echo 'nameserver 192.0.2.2' >/run/systemd/resolve/resolv.conf
echo 'nameserver 192.0.2.3' >/run/systemd/resolve/stub-resolv.conf
`

// names shows what a machine finds names by, and what kind of file that is.
const names = `stat -c %F /etc/resolv.conf 2>&1; cat /etc/resolv.conf 2>&1; mountpoint -q /etc/resolv.conf && echo bound; true`

func integrationRows() []row {
	var list []row
	for _, m := range []struct{ mode, want string }{
		{"off", "nameserver 192.0.2.99"}, {"auto", "nameserver 192.0.2.99"}, {"delete", "cat: .*No such file or directory"},
		{"copy-host", "nameserver 192.0.2.3"}, {"copy-static", "nameserver 192.0.2.1"}, {"copy-uplink", "nameserver 192.0.2.2"},
		{"copy-stub", "nameserver 192.0.2.3"}, {"replace-host", "nameserver 192.0.2.3"}, {"replace-static", "nameserver 192.0.2.1"},
		{"replace-uplink", "nameserver 192.0.2.2"}, {"replace-stub", "nameserver 192.0.2.3"}, {"bind-host", "nameserver 192.0.2.3\nbound"},
		{"bind-static", "nameserver 192.0.2.1\nbound"}, {"bind-uplink", "nameserver 192.0.2.2\nbound"},
		{"bind-stub", "nameserver 192.0.2.3\nbound"},
	} {
		mode, want := m.mode, m.want
		r := row{
			options: "--resolv-conf=" + mode, args: "--resolv-conf=" + mode, setup: resolver, tree: "$work/own", inside: names, want: want,
		}
		if mode == "copy-static" {
			r.keys, r.file = "Exec.ResolvConf", "[Exec]\nResolvConf=copy-static"
		}
		list = append(list, r)
	}
	// A machine that shares the host's network finds names as the host does.
	list = append(list, row{
		options: "--resolv-conf=auto with the host's network", base: "-", args: "--private-users=no --resolv-conf=auto", setup: resolver, tree: "$work/own",
		script: `[[ $side == ours ]] && args+=(--network=host); machine "${args[@]}" /bin/sh -c '` + names + `'`,
		want:   "nameserver 192.0.2.3",
	})
	for _, m := range []struct{ mode, want string }{
		{"off", ".*Nowhere\nexit 0"}, {"copy", "TZifexit 0"}, {"bind", ".*Nowhere\nTZifbound"}, {"symlink", ".*zoneinfo/Europe/Berlin\nTZifexit 0"},
		{"delete", "exit 0"}, {"auto", ".*zoneinfo/Europe/Berlin"},
	} {
		mode, want := m.mode, m.want
		r := row{
			options: "--timezone=" + mode, args: "--timezone=" + mode, setup: clock, tree: "$work/own",
			inside: `readlink /etc/localtime; test -e /etc/localtime && head -c 4 /etc/localtime; mountpoint -q /etc/localtime && echo bound; true`,
			after:  `rm /etc/localtime`, want: want,
		}
		if mode == "symlink" {
			r.keys, r.file = "Exec.Timezone", "[Exec]\nTimezone=symlink"
		}
		list = append(list, r)
	}
	return append(list, journalRows()...)
}

// clock sets the host to a time zone that the tree has, and the tree to one that it has not.
const clock = `
own; mkdir -p own/usr/share/zoneinfo/Europe; cp /usr/share/zoneinfo/Europe/Berlin own/usr/share/zoneinfo/Europe
ln -s ../usr/share/zoneinfo/Nowhere own/etc/localtime; ln -sf /usr/share/zoneinfo/Europe/Berlin /etc/localtime
`

// limits are those on forwarded journals.
const limits = "--forward-journal-max-use=64M --forward-journal-keep-free=1M --forward-journal-max-file-size=8M --forward-journal-max-files=3"

// sends is what a machine's journald does when its journal is forwarded.
const sends = `perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un("/run/host/journal/socket")) or die "$!";
	syswrite(S, "__REALTIME_TIMESTAMP=1700000000000000\n__MONOTONIC_TIMESTAMP=1\n_BOOT_ID=11112222333344445555666677778888\nMESSAGE=said inside\n\n"); print "sent\n"; sleep 1'`

func journalRows() []row {
	const id = "11112222333344445555666677778888"
	const setup = `own; mkdir -p /var/log/journal; rm -rf /var/log/journal/` + id + `; echo ` + id + ` >own/etc/machine-id`
	const inside = `ls -d /var/log/journal/* 2>/dev/null; mountpoint -q /var/log/journal/` + id + ` && echo bound; echo x >/var/log/journal/` + id + `/probe && echo written`
	const after = `readlink /var/log/journal/` + id + `; stat -c %F /var/log/journal/` + id + ` 2>/dev/null; ls own/var/log/journal/` + id + ` /var/log/journal/` + id + `/ 2>/dev/null | grep probe; rm -rf /var/log/journal/` + id
	const guest = "written\n.*own/var/log/journal/" + id + "\nsymbolic link"
	const atHost = "/var/log/journal/" + id + "\nbound\nwritten\ndirectory"
	var list []row
	for _, m := range []struct{ mode, want string }{
		{"no", "exit 2"}, {"auto", "exit 2"}, {"guest", guest}, {"try-guest", guest}, {"host", atHost}, {"try-host", atHost},
	} {
		mode, want := m.mode, m.want
		r := row{
			options: "--link-journal=" + mode, args: "--link-journal=" + mode, setup: setup, tree: "$work/own", inside: inside, after: after,
			want: want,
		}
		if want == atHost {
			r.want, r.ours = "bound\n.*", want
			r.differs = "its root can write there; the directory that stock makes is the host's root's"
		}
		switch mode {
		case "host":
			r.keys, r.file = "Exec.LinkJournal", "[Exec]\nLinkJournal=host"
		case "guest":
			r.keys, r.file = "Exec.LinkJournal", "[Exec]\nLinkJournal=guest"
		}
		list = append(list, r)
	}
	return append(list,
		row{options: "-j", args: "-j", setup: setup, tree: "$work/own", inside: inside, after: after, want: guest},
		row{
			options: "--forward-journal --forward-journal-max-use --forward-journal-keep-free --forward-journal-max-file-size --forward-journal-max-files",
			since:   261,
			// Stock's socket is the host's root's, and open to nobody in a user namespace.
			base: "--private-network --private-users=no", args: "--private-users=no --forward-journal=$work/out/a.journal " + limits,
			inside: `stat -c '%F' /run/host/journal/socket; cat $CREDENTIALS_DIRECTORY/*; echo; ` + sends,
			after: `until_true has out/a.journal; journalctl -q -o cat --file out/a.journal; none_left
				machine --forward-journal=$work/dir ` + limits + ` /bin/sh -c ` + quote(sends) + `; until_true has dir/*.journal; ls dir | sed "s/$(uname -n)/HOST/"; none_left
				for wrong in --forward-journal=/etc/hostname/x "--forward-journal=/x --forward-journal-max-use=much" --forward-journal-max-files=1 \
					"--forward-journal=/x --set-credential=journal.forward_to_socket:/x"; do
					machine $wrong /bin/true >/dev/null 2>&1 && echo "$wrong works" || echo "$wrong does not"
				done`,
			want: "socket\n/run/host/journal/socket\nsent\nexit 0\nsaid inside\nremote-HOST.journal\n--forward-journal=/etc/hostname/x does not\n.*much does not\n--forward-journal-max-files=1 does not\n.*set-credential.* does not",
		},
	)
}
