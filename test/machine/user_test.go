// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asUser runs a command as an ordinary user without a terminal, so that polkit
// has nobody to ask for a password.
func (h *host) asUser(command string) (stdout, stderr string, code int) {
	return h.Try(`setpriv --reuid=user --regid=user --init-groups env HOME=/home/user USER=user timeout -k 2 20 bash -c "$1" </dev/null`, command)
}

func TestUserMayLook(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.start(t, "deb")
		for command, want := range map[string]string{
			`mctl list`:                               "deb ",
			`mctl list --all`:                         "deb ",
			`mctl status deb`:                         "deb",
			`mctl show deb`:                           "machine-deb.scope",
			`mctl version`:                            "mctl",
			`machinectl list --no-legend`:             "deb container machined-go debian",
			`machinectl status deb --no-pager`:        "machine-deb.scope",
			`machinectl show deb`:                     "Unit=machine-deb.scope",
			`machinectl list-images --no-pager`:       "deb ",
			`systemctl status contain@deb --no-pager`: "Active: active",
			`busctl tree org.freedesktop.machine1`:    "/org/freedesktop/machine1/machine/deb",
			`getent hosts deb || getent ahosts deb`:   "deb",
			`busctl call org.freedesktop.machine1 /org/freedesktop/machine1 org.freedesktop.machine1.Manager GetMachine s deb`: "/machine/deb",
		} {
			stdout, stderr, code := h.asUser(command)
			if code != 0 || !strings.Contains(stdout, want) {
				t.Errorf("%s: exit status %d\n%s%s\nwant 0 and %q", command, code, stdout, stderr, want)
			}
		}
	})
}

func TestUserMayNotChange(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.start(t, "deb")
		before := h.calm(t)
		for _, verb := range []string{
			"poweroff deb", "stop deb", "reboot deb", "terminate deb", "kill deb", "login deb", "shell deb", "shell deb /bin/true",
			"start tiny", "enable deb", "disable deb",
		} {
			stdout, stderr, code := h.asUser("mctl " + verb)
			if code == 0 || code == 124 || stdout != "" {
				t.Errorf("mctl %s: exit status %d, stdout %q", verb, code, stdout)
			}
			t.Logf("mctl %s: %s", verb, strings.TrimSpace(stderr))
			oneLine(t, stderr, "mctl: ", "sudo")
		}
		stdout, stderr, code := h.asUser("mctl run deb /bin/true")
		if code == 0 || stdout != "" {
			t.Errorf("mctl run: exit status %d, stdout %q", code, stdout)
		}
		t.Logf("mctl run: %s", strings.TrimSpace(stderr))
		oneLine(t, stderr, "mctl: ", "root")
		for _, verb := range []string{
			"poweroff deb", "reboot deb", "terminate deb", "kill deb", "login deb", "shell deb /bin/true", "start tiny", "remove deb",
			"clone deb other", "set-limit deb 1G", "copy-from deb /etc/passwd /tmp/x",
		} {
			if stdout, stderr, code := h.asUser("machinectl " + verb); code == 0 || code == 124 {
				t.Errorf("machinectl %s: exit status %d\n%s%s", verb, code, stdout, stderr)
			}
		}
		if diff := cmp.Diff(before["state"], h.look(t)["state"]); diff != "" {
			t.Errorf("state (-before +after):\n%s", diff)
		}
		h.await(t, "contain@deb", "ActiveState=active", "NRestarts=0")
		h.Sh(t, `systemctl -M deb is-system-running; mctl poweroff deb`)
	})
}

// The same calls get the same answer from the stock daemon.
func TestPolkitRefusesAsStockDoes(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.start(t, "deb")
		for _, call := range []string{
			"TerminateMachine s deb", "KillMachine ssi deb all 15", "OpenMachineLogin s deb", "OpenMachinePTY s deb",
			"OpenMachineShell sssasas deb root /bin/true 0 0", "OpenMachineRootDirectory s deb",
			"CreateMachine 'sayssusa(sv)' x 0 x container 1 / 0", "RegisterMachine sayssus x 0 x container 1 /",
		} {
			command := "busctl call org.freedesktop.machine1 /org/freedesktop/machine1 org.freedesktop.machine1.Manager " + call
			_, stderr, code := h.asUser(command)
			if code == 0 || !strings.Contains(stderr, "Interactive authentication required") && !strings.Contains(stderr, "Access denied") {
				t.Errorf("%s: exit status %d, %q", call, code, stderr)
			}
		}
		h.Sh(t, `mctl poweroff deb`)
	})
}
