# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# When the host goes down, each machine is powered off politely first, and the
# enabled ones come back with it.

enabled=(deb one)
all=(deb one two)

part1() {
	local name
	copy_deb one
	copy_deb two
	mctl enable "${enabled[@]}"
	mctl start "${all[@]}"
	for name in "${all[@]}"; do
		want "contain@$name" ActiveState=active
		eventually 240 inside "$name" true # where all is slow it counts as started before it is
		inside "$name" 'cat /proc/sys/kernel/random/boot_id' >"/var/lib/vm-test/boot-$name"
	done
	reboot_host
}

part2() {
	local name
	# From the moment when the host began to go down.
	journalctl -q --no-pager -b -1 -o cat _PID=1 | sed -n '/^Stopped target multi-user.target/,$p' >/tmp/before
	grep -E 'contain@|machine-|machines.target|machined-go|dbus' /tmp/before || fail 'the last boot has no end'
	for name in "${all[@]}"; do
		polite "$name"
	done
	[[ $(systemctl is-system-running --wait) == running ]] || fail "host: $(systemctl is-system-running), failed $(systemctl --failed --plain --no-legend)"
	for name in "${enabled[@]}"; do
		back "$name"
	done
	want contain@two ActiveState=inactive
	told two
}

# After the reboot it can be asked how a machine ended that was not started again.
told() { # MACHINE
	local said
	said=$(mctl why "$1") || fail "mctl why $1: exit status $?: $said"
	note "$said"
	grep -q 'was powered off because the host went down' <<<"$said" || fail "mctl why $1 does not tell of the end with the host"
}

polite() { # MACHINE
	local end
	end=$(guest_journal "$1" | tail -n 40)
	# Which of the two depends on the signal; both end the machine.
	grep -qE '(Starting|Finished) systemd-(halt|poweroff).service' <<<"$end" || fail "$1 did not shut itself down; its journal ends: $end"
	grep -q 'Journal stopped' <<<"$end" || fail "$1's journal was not closed; it ends: $end"
	grep -qF "contain@$1.service: Deactivated successfully" /tmp/before || fail "contain@$1 did not end well"
	! grep -F "contain@$1.service: Failed" /tmp/before || fail "contain@$1 failed"
	! grep -F "machine-$1.scope: " /tmp/before | grep -E 'Killing|timed out|Stopping' || fail "the scope of $1 was torn down"
	ordered "Stopped contain@$1.service" 'Stopped.*dbus.service'
}

guest_journal() { # MACHINE
	journalctl -q --no-pager -D "$machines/$1/var/log/journal" "_BOOT_ID=$(tr -d - <"/var/lib/vm-test/boot-$1")"
}

ordered() { # FIRST THEN; patterns of lines of the last boot's journal
	local first second
	first=$(grep -nm 1 -- "$1" /tmp/before | cut -d: -f1) || fail "no \"$1\" in the journal"
	second=$(grep -nm 1 -- "$2" /tmp/before | cut -d: -f1) || fail "no \"$2\" in the journal"
	((first < second)) || fail "\"$2\" came before \"$1\""
}

back() { # MACHINE
	want "contain@$1" ActiveState=active SubState=running Result=success NRestarts=0
	(($(prop "contain@$1" ActiveEnterTimestampMonotonic) < $(prop multi-user.target ActiveEnterTimestampMonotonic))) ||
		fail "contain@$1 came after multi-user.target"
	[[ $(systemctl -M "$1" is-system-running --wait) == running ]] || fail "$1 is not running inside"
	[[ $(inside "$1" 'cat /proc/sys/kernel/random/boot_id') != $(<"/var/lib/vm-test/boot-$1") ]] || fail "$1 has its old boot id"
}
