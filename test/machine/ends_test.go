// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"strings"
	"testing"
	"time"

	"machined-go/test/lab"
)

// clean is how a unit looks whose guest has shut itself down: the kernel killed
// its init with SIGINT (reboot(2)).
var clean = []string{"ActiveState=inactive", "SubState=dead", "Result=success", "ExecMainCode=2", "ExecMainStatus=2"}

// The guest's bus may be gone before systemctl has its answer; how the unit ends is what counts.
func TestGuestShutsItselfDown(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.pin(t, "deb")
		before := h.calm(t)
		for _, how := range []string{"poweroff", "halt"} {
			h.start(t, "deb")
			h.Sh(t, `systemctl -M deb "$1" || true`, how)
			h.await(t, "contain@deb", clean...)
			h.nothingLeft(t, before)
		}
	})
}

// Whoever watches a console keeps it over the guest's reboot.
func TestRebootKeepsConsoleAndDescriptors(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.start(t, "deb")
		const console = `stat -c '%t:%T %i' /dev/console`
		first := h.inside(t, "deb", console)
		kept := h.show(t, "contain@deb", "NFileDescriptorStore")
		daemonKept := h.show(t, "machined-go", "NFileDescriptorStore")
		if kept["NFileDescriptorStore"] == "0" || daemonKept["NFileDescriptorStore"] == "0" {
			t.Errorf("descriptors kept: unit %v, daemon %v; want some", kept, daemonKept)
		}
		h.Sh(t, `systemctl -M deb reboot || true`)
		h.await(t, "contain@deb", "NRestarts=1", "ActiveState=active")
		if second := h.inside(t, "deb", console); second != first {
			t.Errorf("console before the reboot is %q, after it %q", first, second)
		}
		if after := h.show(t, "contain@deb", "NFileDescriptorStore"); after["NFileDescriptorStore"] != kept["NFileDescriptorStore"] {
			t.Errorf("the unit keeps %v, before the reboot %v", after, kept)
		}
		if after := h.show(t, "machined-go", "NFileDescriptorStore"); after["NFileDescriptorStore"] != daemonKept["NFileDescriptorStore"] {
			t.Errorf("the daemon keeps %v, before the reboot %v", after, daemonKept)
		}
		h.inside(t, "deb", `echo said-after-the-reboot >/dev/console`)
		lab.Eventually(t, 5*time.Second, func() error { return h.journalHas("MACHINE=deb", "said-after-the-reboot") })
		h.Sh(t, `mctl poweroff deb`)
	})
}

func (h *host) journalHas(match, text string) error {
	_, stderr, code := h.Try(`journalctl -q -o cat "$1" | grep -F "$2"`, match, text)
	if code != 0 {
		return &missing{text, stderr}
	}
	return nil
}

type missing struct{ text, said string }

func (m *missing) Error() string { return "journal has no " + m.text + "\n" + m.said }

// An init that is no systemd never says that it is ready.
func TestShellScriptAsInit(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.pin(t, "tiny")
		before := h.calm(t)
		for _, c := range []struct {
			name, init, then string
			want             []string
		}{
			{"exit", "sleep 0.2; exit 3", "",
				[]string{"ActiveState=failed", "Result=exit-code", "ExecMainCode=1", "ExecMainStatus=3"}},
			{"exit in the first moment", "exit 3", "",
				[]string{"ActiveState=failed", "Result=exit-code", "ExecMainCode=1", "ExecMainStatus=3"}},
			{"end well", "sleep 0.2; exit 0", "",
				[]string{"ActiveState=inactive", "Result=success", "ExecMainCode=1", "ExecMainStatus=0"}},
			{"killed", "while :; do sleep 60; done", `kill -KILL "$(machinectl show tiny -p Leader --value)"`,
				[]string{"ActiveState=failed", "Result=signal", "ExecMainCode=2", "ExecMainStatus=9"}},
			{"cannot kill itself", "kill -SEGV $$; kill -KILL $$; exit 4", "",
				[]string{"ActiveState=failed", "Result=exit-code", "ExecMainCode=1", "ExecMainStatus=4"}},
			{"listens to the signal", "trap 'exit 0' RTMIN+3; while :; do sleep 0.05; done", `systemctl stop contain@tiny`,
				[]string{"ActiveState=inactive", "Result=success", "ExecMainCode=1", "ExecMainStatus=0"}},
			{"terminated", "while :; do sleep 60; done", `mctl terminate tiny`,
				[]string{"ActiveState=failed", "Result=timeout", "ExecMainCode=2", "ExecMainStatus=9"}},
			{"deaf", "while :; do sleep 60; done", `systemctl stop contain@tiny`,
				[]string{"ActiveState=failed", "Result=timeout", "ExecMainCode=2", "ExecMainStatus=9"}},
		} {
			t.Run(c.name, func(t *testing.T) {
				h.tiny(t, "tiny", c.init)
				h.impatient(t, "tiny")
				h.Sh(t, `mctl start tiny; `+c.then)
				h.await(t, "contain@tiny", c.want...)
				h.Sh(t, `systemctl reset-failed contain@tiny`)
			})
			h.nothingLeft(t, before)
		}
	})
}

// impatient has a machine killed 2 s after it was asked to stop.
func (h *host) impatient(t testing.TB, machine string) {
	t.Helper()
	dir := "/run/systemd/system/contain@" + machine + ".service.d"
	h.Sh(t, `mkdir -p "$1"; printf '[Service]\nTimeoutStopSec=2s\n' >"$1/stop.conf"; systemctl daemon-reload`, dir)
	t.Cleanup(func() { h.Sh(t, `rm -r "$1"; systemctl daemon-reload`, dir) })
}

func TestActiveAsSoonAsScriptRuns(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.tiny(t, "tiny", `echo up >/root/up; while :; do sleep 60; done`)
		begin := time.Now()
		h.Sh(t, `systemctl start contain@tiny`)
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("start took %v", took)
		}
		h.await(t, "contain@tiny", "ActiveState=active", "SubState=running")
		lab.Eventually(t, 2*time.Second, func() error {
			_, _, code := h.Try(`test -s /var/lib/machines/tiny/root/up`)
			if code != 0 {
				return &missing{"trace of the script", ""}
			}
			return nil
		})
		if got := h.Sh(t, `machinectl list --no-legend`); !strings.HasPrefix(got, "tiny container machined-go") {
			t.Errorf("machinectl list: %q", got)
		}
	})
}

// A machine in the foreground is mctl's own child.
func TestForegroundPassesTheStatusOn(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.tiny(t, "tiny", `echo booted; exit 3`)
		before := h.calm(t)
		for _, c := range []struct {
			args   string
			code   int
			stdout string
		}{
			{`tiny`, 3, "booted\n"},
			{`tiny /bin/sh -c 'echo "$1"; exit 42' sh word`, 42, "word\n"},
			{`tiny /bin/sh -c 'kill -TERM $$; exit 7'`, 7, ""}, // PID 1 is deaf to what it does not handle
			{`-E A=b tiny /bin/sh -c 'echo $A'`, 0, "b\n"},
			{`tiny /bin/cat <<<'over stdin'`, 0, "over stdin\n"},
			{`--read-only tiny /bin/sh -c 'echo x 2>/dev/null >/root/x'`, 1, ""},
			{`tiny /no/such`, 127, ""},
			{`tiny /etc`, 126, ""},
		} {
			stdout, stderr, code := h.Try(`mctl run ` + c.args)
			if code != c.code || stdout != c.stdout {
				t.Errorf("mctl run %s: exit status %d, stdout %q, stderr %q; want %d, %q", c.args, code, stdout, stderr, c.code, c.stdout)
			}
		}
		h.nothingLeft(t, before)
	})
}

// An order to stop that comes while a machine boots is heeded, however early:
// PID 1 gets no signal before it has a handler for it. One that is lost takes TimeoutStopSec=, 90 s; a guest may wait 25 s for a bus
// that it is just stopping.
func TestStopDuringBoot(t *testing.T) {
	times := "6"
	if mustRun() {
		times = "20"
	}
	eachSuite(t, func(t *testing.T, h *host) {
		before := h.calm(t)
		said := h.Sh(t, `
			for ((i = 0; i < $1; i++)); do
				delay=0.$(printf %03d $((RANDOM % 300)))
				begin=$SECONDS
				systemctl start --no-block contain@deb
				sleep "$delay"
				systemctl stop contain@deb
				systemctl reset-failed contain@deb 2>/dev/null || true
				took=$((SECONDS - begin))
				((took < 60)) || echo "stop after $delay s took $took s"
			done`, times)
		if said != "" {
			t.Error(said)
		}
		h.nothingLeft(t, before)
	})
}
