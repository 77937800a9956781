// SPDX-License-Identifier: Apache-2.0

package clients_test

// sessionRows are loginctl's verbs, on guestbody who is logged in.
func sessionRows() []row {
	const session = `
		session() { loginctl -M deb --no-legend list-sessions | awk '$3 == "daemon" { print $1; exit }'; }
		gone() { ! loginctl -M deb show-session "$1" &>/dev/null; }
		enter() { systemd-run -M deb -q --collect -p PAMName=login -p User=daemon sleep 1000; until_true ready; }
		ready() { local s; s=$(session); [[ $s && $(loginctl -M deb show-session "$s" -p State --value) == @(active|online) ]]; }
	`
	return []row{
		{name: "loginctl of sessions", script: session + `enter; s=$(session); loginctl -M deb list-sessions; loginctl -M deb session-status "$s" --lines=0; loginctl -M deb show-session "$s" -p Name -p State
			{ loginctl -M deb lock-session "$s" && loginctl -M deb unlock-session "$s" && echo done; } 2>&1 || true; loginctl -M deb lock-sessions; loginctl -M deb unlock-sessions
			loginctl -M deb kill-session "$s" --signal=CONT; loginctl -M deb terminate-session "$s"; until_true gone "$s"`, want: `
			^SESSION +UID +USER +SEAT
			^ *\w+ +1 +daemon
			^\w+ - daemon \(1\)$
			^Name=daemon$
			^State=(active|online)$
			^done$|Session does not support lock screen`},
		// loginctl looks users' names up on the host, and logind of 262, asked to let somebody linger, the process that asks.
		{name: "loginctl of users", script: session + `enter; s=$(session); loginctl -M deb list-users; loginctl -M deb user-status daemon --lines=0; loginctl -M deb show-user daemon -p UID -p Linger
			{ loginctl -M deb enable-linger user && loginctl -M deb show-user user -p Linger && loginctl -M deb disable-linger user; } 2>&1 || true; loginctl -M deb kill-user daemon --signal=CONT
			loginctl -M deb terminate-user daemon; until_true gone "$s"`, want: `
			^ *1 +daemon +no
			^daemon \(1\)$
			^UID=1$
			^Linger=no$
			^Linger=yes$|^Could not enable linger: No such process$`},
		{name: "loginctl of seats", script: `loginctl -M deb list-seats; loginctl -M deb seat-status seat0; loginctl -M deb show-seat seat0 -p Id; loginctl -M deb flush-devices; loginctl -M deb terminate-seat seat0`, want: `
			^seat0$
			^Id=seat0$`},
	}
}

// settingRows are those of the clients that set up a system.
func settingRows() []row {
	return []row{
		{name: "hostnamectl", script: `hostnamectl -M deb; hostnamectl -M deb status; before=$(hostname); hostnamectl -M deb hostname renamed; inside hostname; hostnamectl -M deb hostname; [[ $(hostname) == "$before" ]]
			hostnamectl -M deb hostname ''; inside rm -f /etc/hostname; hostnamectl -M deb --transient hostname deb; inside hostname
			hostnamectl -M deb location here; hostnamectl -M deb deployment testing; hostnamectl -M deb chassis container; hostnamectl -M deb icon-name computer; inside cat /etc/machine-info; inside rm /etc/machine-info`, want: `
			^ *Transient hostname: deb$
			^ *Chassis: container
			^ *Virtualization: systemd-nspawn$
			^ *Operating System: Debian GNU/Linux
			^renamed\nrenamed\ndeb$
			^LOCATION="?here"?$
			^DEPLOYMENT="?testing"?$
			^CHASSIS="?container"?$
			^ICON_NAME="?computer"?$`},
		{name: "hostnamectl tags", since: 262, script: `hostnamectl -M deb tags one:two; hostnamectl -M deb tags; hostnamectl -M deb tags ''`, want: `^one[:\s]two$`},
		{name: "timedatectl", script: `timedatectl -M deb; timedatectl -M deb status; timedatectl -M deb show -p Timezone; timedatectl -M deb set-timezone Europe/Berlin; timedatectl -M deb show -p Timezone
			inside readlink /etc/localtime; readlink /etc/localtime; timedatectl -M deb set-timezone Etc/UTC; timedatectl -M deb list-timezones | grep Berlin
			refused timedatectl -M deb set-time "$(date +%F)"; refused timedatectl -M deb set-ntp yes; timedatectl -M deb set-local-rtc no 2>&1 || true
			refused timedatectl -M deb timesync-status; refused timedatectl -M deb show-timesync`, want: `
			^ *Time zone: (Etc/)?UTC \(UTC, \+0000\)$
			^Timezone=Etc/UTC\nTimezone=Europe/Berlin\n\.\./usr/share/zoneinfo/Europe/Berlin\n\S*/UTC\nEurope/Berlin$
			^Failed to set time: .*
			^Failed to set ntp: .*NTP not supported`},
		{name: "timedatectl of servers", since: 257, want: `^NTP=10\.0\.0\.1\nNTP=$`, script: `timedatectl -M deb ntp-servers host0 10.0.0.1; inside grep -rh ^NTP= /run/systemd/netif/links; timedatectl -M deb revert host0; inside grep -rh ^NTP= /run/systemd/netif/links`},
		{name: "localectl", script: `localectl -M deb; localectl -M deb status; localectl -M deb list-locales`, want: `
			^ *System Locale: LANG=
			^C\.UTF-8$`},
		// With stock's daemon too, localed of later Debians refuses.
		{name: "localectl set-locale", since: 257, script: `refused localectl -M deb set-locale LANG=C`, want: `Access denied`},
		{name: "localectl set-locale", until: 252, script: `localectl -M deb set-locale LANG=C LC_TIME=C.UTF-8; localectl -M deb status; inside sh -c 'cat /etc/locale.conf /etc/default/locale 2>/dev/null || true'
			localectl -M deb set-locale LANG=C.UTF-8`, want: `
			^(System Locale:)? *(LANG=C\n *)?LC_TIME=C\.UTF-8$
			^LC_TIME=C\.UTF-8$`},
	}
}
