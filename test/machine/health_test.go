// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"strings"
	"testing"
)

// A machine that its own check finds ill is started again, and nothing of the checks outlives the machine.
func TestHealth(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		t.Cleanup(func() { _, _, _ = h.Try(`rm -f /etc/machined-go/machines/deb.toml; mctl poweroff deb`) })
		h.Sh(t, `
			mkdir -p /etc/machined-go/machines
			printf '[health]\ncommand = ["/bin/sh", "-c", "test ! -e /run/ill || { echo it is ill; exit 1; }"]\ninterval = "1s"\nretries = 2\n' >/etc/machined-go/machines/deb.toml`)
		before := h.calm(t)
		h.Sh(t, `mctl start deb; until [[ $(mctl status deb) == *'Health: good'* ]]; do sleep .3; done`)
		got := h.Sh(t, `
			leader=$(mctl show --value -p Leader deb)
			systemd-run -M deb --quiet --wait touch /run/ill
			mctl health deb 2>&1 || echo "status $?"
			until new=$(mctl show --value -p Leader deb 2>/dev/null) && [[ $new && $new != "$leader" ]]; do sleep .3; done
			until systemctl is-active -q contain@deb; do sleep .3; done
			journalctl --sync; journalctl -q -o cat -n 1 SYSLOG_IDENTIFIER=mctl NAME=deb`)
		for _, want := range []string{"health check of machine \"deb\" failed", "it is ill", "status 3", "is restarted: its health check failed"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
		h.Sh(t, `mctl poweroff deb; systemctl reset-failed; while [[ -e /run/machined-go/health/deb || $(systemctl list-timers --all --no-legend 'machined-go-health@*') ]]; do sleep .1; done`)
		h.nothingLeft(t, before)
	})
}
