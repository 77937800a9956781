// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var three = []string{"m1", "m2", "m3"}

// listed are the machines that stock machinectl shows, as soon as it gets an
// answer: a call that is under way when the daemon is killed has none.
func (h *host) listed(t testing.TB) []string {
	t.Helper()
	var names []string
	for line := range strings.Lines(h.Sh(t, `until list=$(machinectl list --no-legend); do sleep 0.01; done 2>/dev/null; echo -n "${list:+$list$'\n'}"`)) {
		names = append(names, strings.Fields(line)[0])
	}
	slices.Sort(names)
	return names
}

func TestNoProcessOfOursStaysWithAMachine(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.copies(t, three...)
		before := h.calm(t)
		h.Sh(t, `mctl start m1 m2 m3`)
		ours := slices.DeleteFunc(h.look(t)["processes"], func(line string) bool { return strings.HasPrefix(line, "in a machine") })
		if diff := cmp.Diff(before["processes"], ours); diff != "" {
			t.Errorf("processes of ours (-before +with three machines):\n%s", diff)
		}
		for _, name := range three {
			// All that is below the unit is the machine's own systemd and what that started.
			parent := h.Sh(t, `ps -o ppid= -p "$(machinectl show "$1" -p Leader --value)"`, name)
			if strings.TrimSpace(parent) != "1" {
				t.Errorf("parent of %s's PID 1 is %q, want the host's systemd", name, parent)
			}
		}
		h.Sh(t, `mctl poweroff m1 m2 m3`)
		h.nothingLeft(t, before)
	})
}

// killDaemon defines a function that does so, if it runs: 0 would mean the
// caller's own process group.
const killDaemon = `
kill_daemon() {
	local pid
	pid=$(systemctl show -P MainPID machined-go)
	((!pid)) || kill -KILL "$pid" 2>/dev/null || true
}
`

// killer kills the daemon while COMMAND runs, a number of times, first after a
// delay, and passes COMMAND's exit status on.
const killer = killDaemon + `
times=$1 delay=$2; shift 2
"$@" & job=$!
for ((i = 0; i < times; i++)); do
	sleep "$delay"
	kill_daemon
done
wait "$job"`

func TestKilledDaemonLosesNothing(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.copies(t, three...)
		before := h.calm(t)
		h.Sh(t, killer, "3", "0.15", "mctl", "start", "m1", "m2", "m3")
		wantListed := func(when string, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, h.listed(t)); diff != "" {
				t.Fatalf("machinectl list %s (-want +got):\n%s", when, diff)
			}
		}
		wantListed("after kills during three starts", three...)
		for range 3 {
			h.Sh(t, killDaemon+`kill_daemon`)
			wantListed("right after a kill", three...)
		}
		h.Sh(t, `for m in "$@"; do systemctl -M "$m" is-system-running; machinectl status "$m" >/dev/null; done`, three...)
		// The guest's bus may be gone before it answers.
		h.Sh(t, killer, "1", "0.1", "sh", "-c", "systemctl -M m1 reboot || true")
		h.await(t, "contain@m1", "NRestarts=1", "ActiveState=active")
		wantListed("after a kill during a reboot", three...)
		h.Sh(t, killer, "3", "0.12", "mctl", "poweroff", "m1", "m2", "m3")
		wantListed("after kills during three stops")
		for _, name := range three {
			h.await(t, "contain@"+name, "ActiveState=inactive", "Result=success")
		}
		h.nothingLeft(t, before)
	})
}

// Each of many kills finds the daemon in another line of its work.
func TestDaemonKilledAllTheTime(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		for _, name := range three {
			h.tiny(t, name, obedient)
		}
		before := h.calm(t)
		said := h.Sh(t, killDaemon+`
			listed() {
				local list
				until list=$(machinectl list --no-legend 2>/dev/null); do sleep 0.01; done
				awk '{ print $1 }' <<<"$list" | sort | paste -sd' '
			}
			for ((i = 0; i < 20; i++)); do
				sleep "0.$(printf %03d $((RANDOM % 250)))"
				kill_daemon
			done & kills=$!
			rounds=0
			while kill -0 "$kills" 2>/dev/null; do
				mctl start m1 m2 m3
				[[ $(listed) == 'm1 m2 m3' ]] || { echo "round $rounds, started, listed: $(listed)" >&2; exit 1; }
				mctl poweroff m1 m2 m3
				[[ ! $(listed) ]] || { echo "round $rounds, stopped, listed: $(listed)" >&2; exit 1; }
				rounds=$((rounds + 1))
			done
			echo "$rounds"`)
		t.Logf("rounds during 20 kills: %s", strings.TrimSpace(said))
		h.nothingLeft(t, before)
	})
}

// A daemon with nothing to do does nothing, whatever went before.
func TestIdleDaemonIsIdle(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.start(t, "deb")
		for _, machines := range []string{"with a machine that runs", "with none"} {
			time.Sleep(time.Second)
			ticks := h.Sh(t, `
				pid=$(systemctl show -P MainPID machined-go)
				used() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
				first=$(used)
				sleep 2
				echo $(($(used) - first))`)
			if n, err := strconv.Atoi(strings.TrimSpace(ticks)); err != nil || n > 3 {
				t.Errorf("%s it used %s ticks of CPU in 2 s", machines, ticks)
			}
			_, _, _ = h.Try(`mctl poweroff deb`)
		}
	})
}
