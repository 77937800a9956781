// SPDX-License-Identifier: Apache-2.0

// Package daemon_test tries machined-go where it belongs: on hosts with systemd
// 252, 257 and newer, with machines that stock clients and stock
// systemd-nspawn know, and with its own death at any moment.
package daemon_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"machined-go/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// eachSuite runs a test on a host of each suite at the same time.
func eachSuite(t *testing.T, test func(t *testing.T, h host)) {
	lab.EachSuite(t, func(t *testing.T, suite string) { test(t, on(t, suite)) })
}

// on is a host of a suite.
func on(t *testing.T, suite string) host {
	h := host{lab.Up(t, suite, lab.Ours)}
	h.JournalOnFailure(t)
	return h
}

// host is a lab with our daemon.
type host struct{ *lab.Lab }

// sh runs a script, whose first failure ends it and the test.
func (h host) sh(t testing.TB, script string, args ...string) string {
	t.Helper()
	return h.Sh(t, common+script, args...)
}

func (h host) try(script string, args ...string) (stdout, stderr string, code int) {
	return h.Try(common+script, args...)
}

// common are functions for the scripts.
const common = `
daemon() { systemctl show -P MainPID machined-go; }
kill_daemon() { # and wait for its successor
	local old; old=$(daemon)
	kill -9 "$old"
	for i in {1..500}; do
		new=$(daemon)
		if [[ $new != 0 && $new != "$old" && $(systemctl show -P ActiveState machined-go) == active ]]; then return 0; fi
		sleep 0.01
	done
	return 1
}
names() { busctl -j call org.freedesktop.machine1 /org/freedesktop/machine1 org.freedesktop.machine1.Manager ListMachines | grep -oE '\["[^"]+"' | tr -d '["' | grep -v '^.host$' | sort | tr '\n' ' '; }
call() { busctl call org.freedesktop.machine1 /org/freedesktop/machine1 org.freedesktop.machine1.Manager "$@"; }
`

// eventually repeats a script until it succeeds.
func (h host) eventually(t testing.TB, script string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		out, errs, code := h.try(script)
		if code == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: never succeeds:\n%s\n%s%s", h.Name, script, out, errs)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// leftNothing fails if anything of a machine is left in the manager's places.
func (h host) leftNothing(t testing.TB) {
	t.Helper()
	h.eventually(t, `[[ -z $(names) && -z $(ls -A /run/systemd/machines) && -z $(ls -A /run/machined-go/records) ]]
		[[ $(systemctl show -P NFileDescriptorStore machined-go) == 0 ]]`)
}

// Stock nspawn registers with us, and is followed to its end.
func TestForeignMachine(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		if _, _, code := h.try("command -v systemd-nspawn"); code != 0 {
			t.Fatal("no systemd-nspawn in this lab")
		}
		h.sh(t, `systemctl start systemd-nspawn@deb`)
		t.Cleanup(func() { h.try("systemctl stop systemd-nspawn@deb") })
		h.sh(t, `[[ $(names) == "deb " ]]
			grep -qx 'CLASS=container' /run/systemd/machines/deb
			machinectl status deb --no-pager >/dev/null
			for i in {1..100}; do systemctl -M deb is-active -q multi-user.target 2>/dev/null && break; sleep 0.1; done
			machinectl -q shell deb /bin/true </dev/null
			kill_daemon
			[[ $(names) == "deb " ]]
			systemctl stop systemd-nspawn@deb`)
		h.leftNothing(t)
	})
}

// A process in a scope that nobody but systemd made; the daemon is killed
// before, between and after.
func TestCreateMachine(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		h.sh(t, `sleep 1000 & leader=$!
			call CreateMachine sayssusa\(sv\) my-c1 0 test container $leader "" 1 Description s Tried
			[[ $(systemctl show -P Description 'machine-my\x2dc1.scope') == Tried ]]
			[[ -L '/run/systemd/machines/unit:machine-my\x2dc1.scope' ]]
			[[ $(call GetMachineByPID u $leader) == *my_2dc1* ]]
			if call CreateMachine sayssusa\(sv\) my-c1 0 test container $leader "" 0; then exit 1; fi
			kill_daemon
			[[ $(names) == "my-c1 " ]]
			call KillMachine ssi my-c1 leader 15
			for i in {1..100}; do [[ -z $(names) ]] && exit 0; sleep 0.05; done; names; exit 1`)
		h.leftNothing(t)
	})
}

// While three machines boot, run and stop, the daemon dies again and again: they
// end as asked, and the list is right each time it is back.
func TestKillDuringLifecycle(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		h.sh(t, `for n in one two three; do
				[[ -d /var/lib/machines/$n ]] || cp -a /var/lib/machines/deb /var/lib/machines/$n
				rm -f /var/lib/machines/$n/etc/machine-id
			done`)
		t.Cleanup(func() {
			h.try(`systemctl stop contain@one contain@two contain@three; rm -rf /var/lib/machines/{one,two,three}`)
		})
		out := h.sh(t, `
			( for i in {1..40}; do p=$(daemon); [[ $p == 0 ]] || kill -9 "$p" 2>/dev/null || true; sleep 0.$((RANDOM % 30 + 10)); done ) & killer=$!
			systemctl start contain@one contain@two contain@three
			sleep 1
			systemctl -M two reboot || true
			sleep 2
			systemctl stop contain@one
			systemctl stop contain@three
			wait $killer
			for i in {1..200}; do systemctl -q is-active machined-go && systemctl -q is-active contain@two && break; sleep 0.05; done
			names
			for n in one three; do systemctl show -P Result contain@$n; done
			systemctl show -P ActiveState contain@two
			systemctl show -P NFileDescriptorStore machined-go
			systemctl stop contain@two`)
		if want := "two success\nsuccess\nactive\n2\n"; out != want {
			t.Errorf("%s: got %q, want %q", h.Name, out, want)
		}
		h.leftNothing(t)
	})
}

// The console goes to the journal as that of the machine's units, and goes on
// doing so after the daemon's death and after a hangup of the console.
func TestConsoleInJournal(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		h.sh(t, `mctl start deb`)
		t.Cleanup(func() { h.try("systemctl stop contain@deb") })
		for i, before := range []string{"true", "kill_daemon", "systemctl restart machined-go",
			"systemd-run -M deb -q --wait --pipe /bin/sh -c 'systemctl restart console-getty; sleep 0.5'"} {
			word := fmt.Sprintf("said-%d", i)
			h.sh(t, before+`
				systemd-run -M deb -q --wait --pipe /bin/sh -c "printf '\033[1m%s\033[0m\r\n' $1 >/dev/console"`, word)
			h.eventually(t, fmt.Sprintf(`for unit in contain@deb.service machine-deb.scope; do
				journalctl -q -u "$unit" -o cat -n 50 | grep "%s$" >/dev/null; done`, word))
		}
		if status := h.sh(t, "machinectl status deb --no-pager"); !strings.Contains(status, "said-3") {
			t.Errorf("machinectl status shows no console:\n%s", status)
		}
		h.sh(t, "systemctl stop contain@deb")
		h.leftNothing(t)
	})
}

// An ordinary user sees, but changes nothing.
func TestOrdinaryUser(t *testing.T) {
	eachSuite(t, func(t *testing.T, h host) {
		h.sh(t, `mctl start deb`)
		t.Cleanup(func() { h.try("systemctl stop contain@deb") })
		h.sh(t, `[[ $(su user -c 'machinectl list') == *deb* ]]
			su user -c 'machinectl status deb --no-pager' >/dev/null`)
		for _, call := range []string{
			"TerminateMachine s deb", "KillMachine ssi deb leader 9", "UnregisterMachine s deb", "OpenMachinePTY s deb", "OpenMachineLogin s deb",
			"OpenMachineShell sssasas deb root /bin/sh 0 0", "OpenMachineRootDirectory s deb",
			"CreateMachine 'sayssusa(sv)' foo 0 x container 0 / 0",
		} {
			_, errs, code := h.try(`su user -c "busctl call org.freedesktop.machine1 /org/freedesktop/machine1 org.freedesktop.machine1.Manager $1"`, call)
			denied := strings.Contains(errs, "Access denied") || strings.Contains(errs, "nteractive authentication required")
			if code == 0 || !denied {
				t.Errorf("%s: %s: exit status %d, %s", h.Name, call, code, errs)
			}
		}
		_, errs, code := h.try(`su user -c "busctl call org.machinedgo /org/machinedgo org.machinedgo.Manager1 GetStatusText s deb"`)
		if code == 0 || !strings.Contains(errs, "denied") {
			t.Errorf("%s: our own interface: exit status %d, %s", h.Name, code, errs)
		}
		h.sh(t, `[[ $(names) == "deb " ]]; systemctl stop contain@deb`)
	})
}
