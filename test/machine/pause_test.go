// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"strings"
	"testing"
	"time"
)

// ticking has machine deb write a line twenty times a second, and moves tells
// whether it does.
const ticking = `systemd-run -q -M deb --unit=tick sh -c 'while :; do echo >>/run/tick; sleep 0.05; done'`

const moves = `
moves() {
	local file before
	file=/proc/$(machinectl show deb -p Leader --value)/root/run/tick
	before=$(stat -c %s "$file")
	sleep 0.3
	[[ $(stat -c %s "$file") != "$before" ]]
}
paused() { [[ $(mctl list -o json | grep -o '"state": "[a-z]*"') == '"state": "paused"' ]]; }
until_true() { for i in {1..100}; do "$@" && return 0; sleep 0.1; done; return 1; }
`

func TestPauseAndResume(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.start(t, "deb")
		h.Sh(t, ticking+moves+`
			until_true moves
			not paused
			mctl pause deb
			not moves
			paused
			mctl pause deb
			mctl status deb | grep 'State: paused since' >/dev/null
			mctl status deb | grep 'Next: mctl resume deb' >/dev/null
			machinectl list --no-legend | grep '^deb container' >/dev/null
			mctl resume deb
			moves
			not paused
			mctl resume deb
			systemctl freeze machine-deb.scope
			paused
			systemctl thaw machine-deb.scope
			systemctl -M deb is-system-running`)
	})
}

// What is paused cannot answer; who asks is told at once.
func TestPausedMachineAnswersNobody(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.start(t, "deb")
		h.Sh(t, `mctl pause deb`)
		for _, verb := range []string{"shell deb /bin/true", "login deb"} {
			begin := time.Now()
			_, stderr, code := h.Try(`mctl ` + verb + ` </dev/null`)
			if took := time.Since(begin); code == 0 || took > 5*time.Second {
				t.Errorf("mctl %s: exit status %d after %v", verb, code, took)
			}
			oneLine(t, stderr, "deb", "paused")
		}
		if _, stderr, code := h.Try(`machinectl -q shell deb /bin/true </dev/null`); code == 0 || !strings.Contains(stderr, "paused") {
			t.Errorf("machinectl shell: exit status %d, %q", code, stderr)
		}
		h.Sh(t, `mctl resume deb; machinectl -q shell deb /bin/true </dev/null`)
	})
}

// Whoever has a paused machine end resumes it, for nobody inside could heed that.
func TestPausedMachineEnds(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.pin(t, "deb")
		before := h.calm(t)
		for _, how := range []string{
			`mctl poweroff deb`,
			`mctl terminate deb`,
			`machinectl poweroff deb`,
			`machinectl terminate deb`,
			`systemctl stop contain@deb`,
			`systemctl stop --no-block contain@deb; sleep 0.05; systemctl freeze machine-deb.scope`,
			killDaemon + `kill_daemon; systemctl stop contain@deb`,
			`systemctl stop --no-block contain@deb; ` + killDaemon + `kill_daemon`,
		} {
			h.start(t, "deb")
			h.Sh(t, `mctl pause deb`)
			begin := time.Now()
			h.Sh(t, how)
			h.await(t, "contain@deb", clean...)
			if took := time.Since(begin); took > 15*time.Second {
				t.Errorf("%s: a paused machine ends after %v", how, took)
			}
		}
		h.nothingLeft(t, before)
	})
}

func TestPausedMachineReboots(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.start(t, "deb")
		h.Sh(t, `mctl pause deb; mctl reboot deb`)
		h.await(t, "contain@deb", "NRestarts=1", "ActiveState=active")
		h.Sh(t, `mctl pause deb; machinectl reboot deb`)
		h.await(t, "contain@deb", "NRestarts=2", "ActiveState=active")
	})
}

// A daemon that comes anew finds the machine paused, and can resume it.
func TestPauseOutlivesTheDaemon(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.start(t, "deb")
		h.Sh(t, ticking+moves+killDaemon+`
			until_true moves
			mctl pause deb
			kill_daemon
			until_true paused
			not moves
			mctl resume deb
			moves`)
	})
}

func TestPauseIsRefused(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		t.Cleanup(func() { h.Try(`systemctl stop systemd-nspawn@deb`) })
		h.Sh(t, `systemctl start systemd-nspawn@deb`)
		for command, why := range map[string]string{
			`mctl pause deb`:  "systemd-nspawn@deb.service",
			`mctl pause nope`: "mctl list --all",
		} {
			_, stderr, code := h.Try(command)
			if code == 0 {
				t.Errorf("%s: no error", command)
			}
			oneLine(t, stderr, why)
		}
		h.Sh(t, `systemctl stop systemd-nspawn@deb`)
		h.start(t, "deb")
		for _, verb := range []string{"pause", "resume"} {
			_, stderr, code := h.asUser(`mctl ` + verb + ` deb`)
			if code == 0 {
				t.Errorf("a user may %s", verb)
			}
			oneLine(t, stderr, "sudo", "manage-machines")
		}
	})
}
