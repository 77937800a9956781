// SPDX-License-Identifier: Apache-2.0

// Package clients_test tries every stock client of machines on hosts where
// machined-go has taken the place of systemd-machined.
package clients_test

import (
	"regexp"
	"strings"
	"testing"

	"machined-go/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// host is a lab with our daemon.
type host struct {
	*lab.Lab
	suite string
}

func up(t *testing.T, suite string) *host {
	h := &host{lab.Up(t, suite, lab.Ours), suite}
	h.Once(func() { h.sh(t, prepare) })
	h.JournalOnFailure(t)
	return h
}

// prepare makes a host as a user's: a lab keeps systemd-nspawn@ for stock.
const prepare = `
rm -rf /etc/systemd/system/systemd-nspawn@.service.d
systemctl daemon-reload`

// common are functions for the scripts.
const common = `
export SYSTEMD_PAGER= SYSTEMD_COLORS=0 COLUMNS=200 TERM=dumb
until_true() { for i in {1..150}; do "$@" && return 0; sleep 0.1; done; echo "never: $*" >&2; return 1; }
running() { [[ $(systemctl -M deb is-system-running 2>/dev/null) == running ]]; }
boot() { machinectl start deb; until_true running; }
off() { ! machinectl show deb &>/dev/null && [[ $(systemctl is-active systemd-nspawn@deb) != @(active|*activating) ]]; }
# A negated command does not end a script, this does.
refused() { if "$@" 2>&1; then echo "not refused: $*" >&2; return 1; fi; }
inside() { systemd-run -M deb -q --wait --pipe --collect "$@"; }
leader() { machinectl show deb -p Leader --value; }
# Runs a command on a terminal of its own: talk COMMAND [AWAITED TYPED]…
talk() {
	local all= screen c from to
	coproc script -qefc "stty cols 200; $1" /dev/null
	exec {from}<&"${COPROC[0]}" {to}>&"${COPROC[1]}"
	shift
	while (($#)); do
		screen=
		while [[ $screen != *"$1" ]]; do
			IFS= read -r -d '' -n 1 -t 20 -u "$from" c || { echo "no \"$1\" on the terminal: $screen" >&2; return 1; }
			screen+=$c
		done
		all+=$screen
		printf %s "$2" >&"$to"
		shift 2
	done
	{ printf %s "$all"; timeout 20 cat <&"$from"; } | tr -d '\r'
}
`

// sh runs a bash script in the lab, where the first failure ends it, and returns
// its output; a failure ends the test.
func (h *host) sh(t testing.TB, script string) string {
	t.Helper()
	return h.Sh(t, common+script)
}

func (h *host) try(script string) (stdout, stderr string, code int) { return h.Try(common + script) }

// row is what a user does with clients, and what they say: the script must end
// well, and its output match each line of want, a regular expression.
type row struct {
	name, script, want string
	// The first and the last systemd whose clients can do it; 0 is any.
	since, until int
}

// in tells whether the row is for a host.
func (r row) in(h *host) bool {
	version := lab.Version(h.suite)
	return version >= r.since && (r.until == 0 || version <= r.until)
}

// each tries the rows that are for a host one after the other.
func (h *host) each(t *testing.T, rows []row) {
	for _, r := range rows {
		if !r.in(h) {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			out := h.sh(t, r.script)
			for want := range strings.Lines(r.want) {
				want = strings.TrimSpace(want)
				if !regexp.MustCompile("(?m)" + want).MatchString(out) {
					t.Errorf("%s: no %q in the output of:\n%s\n%s", h.Name, want, r.script, out)
				}
			}
		})
	}
}
