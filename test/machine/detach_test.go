// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"strings"
	"testing"
)

// What "mctl run --detach" starts is the machine's service, which goes on by what the command line said: over a reboot of the guest and
// over a restart, but not when it starts anew after it was off.
func TestDetach(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		out := h.Sh(t, `
			fingerprint() { tr '\0' '\n' </proc/$(machinectl show web -p Leader --value)/environ | grep ^A=; }
			cd /var/lib/machines
			mctl run --detach --machine=web -E 'A=b c' --hostname=www ./deb
			fingerprint
			systemctl is-active contain@web
			systemctl show contain@web -p ExecStart | grep -c 'b c' || true
			old=$(machinectl show web -p Leader --value)
			mctl reboot web
			[[ $(machinectl show web -p Leader --value) != "$old" ]]
			fingerprint
			systemctl restart contain@web
			fingerprint
			mctl poweroff web
			ls /run/machined-go/orders
			not mctl start web 2>&1
			systemctl reset-failed contain@web`)
		want := "web\nA=b c\nactive\n0\nA=b c\nA=b c\nmctl: start machine \"web\""
		if !strings.HasPrefix(out, want) || !strings.Contains(out, "no such image") {
			t.Errorf("%s: got\n%s\nwant\n%s", h.suite, out, want)
		}
	})
}

func TestDetachRefuses(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		for _, row := range []struct {
			args, want string
			code       int
		}{
			{"deb /bin/none", "/bin/none", 127},
			{"deb /etc/passwd", "/etc/passwd", 126},
			{"--pipe deb", "--console=pipe is for the foreground", 125},
			{"none", "no such image", 125},
		} {
			_, stderr, code := h.Try(`mctl run --detach ` + row.args)
			if code != row.code || !strings.Contains(stderr, row.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("mctl run --detach %s: exit status %d, said %q", row.args, code, stderr)
			}
		}
		// One that runs is left alone, and an order that nobody waits for any more is nothing.
		h.Sh(t, `
			mctl run --detach deb
			not mctl run --detach --hostname=other deb 2>/run/said
			grep -q 'runs already' /run/said
			[[ ! -e /run/machined-go/orders/deb ]]
			mctl poweroff deb
			printf '/\0deb\0--hostname=other\0--\0deb' >/run/machined-go/orders/deb
			mctl start deb
			[[ ! -e /run/machined-go/orders/deb ]]
			[[ $(nsenter --uts --target "$(machinectl show deb -p Leader --value)" hostname) != other ]]
			[[ $(stat -c %a /run/machined-go/orders) == 700 ]]
			mctl poweroff deb`)
	})
}
