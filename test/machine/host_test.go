// SPDX-License-Identifier: Apache-2.0

// Package machine_test holds what whoever uses machined-go relies on, tried in
// labs: on a real systemd, with real machines and with the stock clients.
package machine_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"machined-go/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// host is a lab that has our daemon.
type host struct {
	*lab.Lab
	suite string
	bus   *dbus.Conn
}

// eachSuite runs a test on a host of each suite at the same time. Tests are not
// parallel among each other, so each has the hosts to itself.
func eachSuite(t *testing.T, test func(t *testing.T, h *host)) { sinceSuite(t, 0, test) }

// sinceSuite is eachSuite for those that have that systemd or a newer one.
func sinceSuite(t *testing.T, version int, test func(t *testing.T, h *host)) {
	lab.EachSince(t, version, func(t *testing.T, suite string) { test(t, up(t, suite)) })
}

func up(t *testing.T, suite string) *host {
	h := &host{Lab: lab.Up(t, suite, lab.Ours), suite: suite}
	h.bus = h.Bus(t)
	h.JournalOnFailure(t)
	// One machine has run there, with all that is made once: the tree's machine id, directories, the daemon's connection to the journal.
	h.Once(func() { h.Sh(t, `mctl start deb; mctl poweroff deb`) })
	return h
}

// show gives properties of a unit.
func (h *host) show(t testing.TB, unit string, properties ...string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for line := range strings.Lines(h.Sh(t, `systemctl show "$@"`, unit, "-p", strings.Join(properties, ","))) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		values[key] = value
	}
	return values
}

// await waits until a unit's properties, given as KEY=VALUE, are so.
func (h *host) await(t testing.TB, unit string, want ...string) {
	t.Helper()
	var keys []string
	for _, pair := range want {
		key, _, _ := strings.Cut(pair, "=")
		keys = append(keys, key)
	}
	var seen string
	lab.Eventually(t, 20*time.Second, func() error {
		got := h.show(t, unit, keys...)
		for _, pair := range want {
			if key, value, _ := strings.Cut(pair, "="); got[key] != value {
				seen = fmt.Sprint(got)
				return fmt.Errorf("%s is %v, want %q", unit, seen, want)
			}
		}
		return nil
	})
}

// pin makes systemd remember how a machine's unit ended: without somebody who
// refers to it, it forgets a unit that ended well.
func (h *host) pin(t testing.TB, machine string) {
	t.Helper()
	h.Sh(t, `systemd-run -q --unit="pin-$1" -p After="contain@$1.service" -p RemainAfterExit=yes true`, machine)
	t.Cleanup(func() { h.Sh(t, `systemctl stop "pin-$1"`, machine) })
}

// inside runs a shell command in a machine, as a service of its systemd.
func (h *host) inside(t testing.TB, machine, command string) string {
	t.Helper()
	return h.Sh(t, `systemd-run -M "$1" -q --wait --pipe --collect /bin/bash -c "$2"`, machine, command)
}

// start boots a machine and has it off again when the test ends.
func (h *host) start(t testing.TB, machine string) {
	t.Helper()
	t.Cleanup(func() { h.end(machine) })
	h.Sh(t, `mctl start "$1"`, machine)
}

// end ends a machine whatever its state.
func (h *host) end(machine string) {
	_, _, _ = h.Try(`main=$(systemctl show -P MainPID contain@"$1"); ((!main)) || kill -KILL "$main"
		systemctl stop contain@"$1" || true; systemctl reset-failed contain@"$1" || true`, machine)
}

// oneLine ends the test unless text is one line with all of the words.
func oneLine(t testing.TB, text string, words ...string) {
	t.Helper()
	if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
		t.Errorf("not one line: %q", text)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q is not in %q", word, text)
		}
	}
}

// mustRun tells whether every test counts, as in CI.
func mustRun() bool { return os.Getenv("MUST_RUN") == "1" }
