// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"strings"
	"testing"
)

// steady are the machines that are there all the time: deb is booted, the others are a process each.
const steady = "deb steady-1 steady-2 steady-3 "

// onBus are functions for scripts that talk to the daemon.
const onBus = `
call() { busctl call org.freedesktop.machine1 /org/freedesktop/machine1 org.freedesktop.machine1.Manager "$@"; }
create() { # NAME LEADER
	call CreateMachine 'sayssusa(sv)' "$1" 0 test container "$2" "" 0 >/dev/null
}
names() { call ListMachines | grep -oE '"[^" ]+" "(container|vm)"' | cut -d'"' -f2 | sort | tr '\n' ' '; }
`

// load keeps the daemon busy until /run/enough is there. Any call may fail, since the daemon dies under it; each loop tells at its
// end how often it went round.
const load = `
registering() {
	setsid sleep 60 & local leader=$!
	create "passing-$1" "$leader" && call TerminateMachine s "passing-$1"
	kill -9 "$leader"
}
starting() { mctl start tiny; mctl poweroff tiny || systemctl stop contain@tiny; }
copying() { machinectl -q copy-to deb /usr/share/doc "/root/copy-$1"; }
cloning() { machinectl clone tiny "clone-$1"; machinectl remove "clone-$1"; }
rounds() {
	local n=0
	while [[ ! -e /run/enough ]]; do n=$((n + 1)); "$1" "$n"; done >/dev/null 2>&1
	echo "$1 $n"
}
for work in registering starting copying cloning; do rounds "$work" & done
wait
`

// killed kills the daemon at so many random moments; each time it must list the machines that stay just once, when it is back, and no
// state file may be a part of one.
const killed = `
for ((i = 0; i < $1; i++)); do
	sleep "0.$(printf %02d $((RANDOM % 40)))"
	old=$(systemctl show -P MainPID machined-go)
	kill -9 "$old" || true
	for ((tries = 0; tries < 500; tries++)); do
		new=$(systemctl show -P MainPID machined-go)
		[[ $new == 0 || $new == "$old" || $(systemctl is-active machined-go) != active ]] || break
		sleep 0.02
	done
	listed=$(names)
	[[ $(tr ' ' '\n' <<<"$listed" | grep -E '^(deb|steady)' | tr '\n' ' ') == "$2" ]] || { echo "listed: $listed" >&2; exit 1; }
	for f in /run/systemd/machines/[a-z]*; do
		[[ ! -L $f ]] && text=$(cat "$f" 2>/dev/null) || continue
		[[ $text == *NAME=* && $text == *LEADER=* && $text == *REALTIME=* ]] || { echo "part of a state file: $f: $text" >&2; exit 1; }
	done
done
`

// The daemon dies at random moments while it is asked to register, start, copy, clone and terminate.
func TestKilledUnderLoad(t *testing.T) {
	batches := 1
	if mustRun() {
		batches = 14 // 210 kills on all hosts together
	}
	eachSuite(t, func(t *testing.T, h *host) {
		h.tiny(t, "tiny", obedient)
		before := h.calm(t)
		h.start(t, "deb")
		h.Sh(t, onBus+`for n in 1 2 3; do setsid sleep 1000 >/dev/null 2>&1 & create "steady-$n" $!; done
			[[ $(names) == "$1" ]]`, steady)
		ended := make(chan string)
		go func() {
			// It is given way to, or most of the time passes in waiting for a turn between the kills.
			said, _ := h.Command("nice", "bash", "-c", onBus+load).Output()
			ended <- string(said)
		}()
		t.Cleanup(func() { h.Sh(t, `rm -f /run/enough`) })
		for range batches {
			if _, errs, code := h.Try(onBus+killed, "5", steady); code != 0 {
				t.Error(errs)
				break
			}
		}
		h.Sh(t, `touch /run/enough`)
		t.Logf("%s: rounds of the load: %s", h.Name, strings.Join(strings.Fields(<-ended), " "))
		h.Sh(t, onBus+`[[ $(names) == "$1" ]]
			rm -rf /var/lib/machines/deb/root/copy-*
			for clone in $(cd /var/lib/machines; ls -d clone-* 2>/dev/null); do machinectl remove "$clone"; done
			for n in 1 2 3; do call TerminateMachine s "steady-$n"; done
			mctl poweroff deb`, steady)
		h.nothingLeft(t, before)
	})
}
