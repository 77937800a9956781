// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"strings"
	"testing"
)

// Layers boot like a tree: a Debian, a disk over it, a directory for changes, and binds.
func TestLayers(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		name := "stack-" + h.suite
		t.Cleanup(func() {
			h.end(name)
			_, _, _ = h.Try(`rm -rf /var/lib/machines/"$1".mstack /tmp/upper`, name)
		})
		h.Sh(t, `cd /var/lib/machines; mkdir -p $1.mstack/{rw,bind@srv-data,robind@opt} /tmp/upper/etc
			ln -s ../deb $1.mstack/layer@9; echo upper >/tmp/upper/etc/marker; mke2fs -q -t ext4 -d /tmp/upper $1.mstack/layer@10.raw 4M
			echo data >$1.mstack/bind@srv-data/file; echo opt >$1.mstack/robind@opt/file`, name)
		before := h.calm(t)
		h.start(t, name)
		got := h.inside(t, name, `cat /etc/marker /srv/data/file /opt/file; stat -c '%u %n' / /etc/passwd /etc/marker /srv/data; findmnt -no FSTYPE /
			echo x >/srv/data/new; echo x 2>&1 >/opt/new || echo sealed; echo kept >/etc/kept; rm /etc/marker; systemctl is-system-running`)
		for _, want := range []string{"upper\ndata\nopt\n", "0 /\n", "0 /etc/passwd\n", "0 /etc/marker\n", "0 /srv/data\n", "overlay\n", "sealed\n", "running\n"} {
			if !strings.Contains(got, want) {
				t.Errorf("inside there is no %q in:\n%s", want, got)
			}
		}
		if list := h.Sh(t, `machinectl list --no-legend --no-pager`); !strings.Contains(list, name+" ") {
			t.Errorf("machinectl lists %q", list)
		}
		h.Sh(t, `mctl reboot "$1"`, name)
		if got := h.inside(t, name, `cat /etc/kept /srv/data/new; ls /etc/marker 2>&1 || true`); !strings.HasPrefix(got, "kept\nx\n") || !strings.Contains(got, "No such file") {
			t.Errorf("after a reboot there is %q", got)
		}
		h.Sh(t, `mctl poweroff "$1"; cd "/var/lib/machines/$1.mstack"; test -f rw/data/etc/kept; test -c rw/data/etc/marker; test "$(stat -c %u rw/data/etc/kept)" = 0`, name)
		h.nothingLeft(t, before)
		for _, run := range []struct{ command, want string }{
			{`mctl run --read-only "$1"`, "kept\nno\n"}, {`mctl run --ephemeral "$1"`, "kept\nwritten\n"},
			{`mctl run --mstack="/var/lib/machines/$1.mstack" -x`, "kept\nwritten\n"}, {`mctl run "$1"`, "kept\nwritten\n"},
		} {
			got := h.Sh(t, run.command+` /bin/bash -c 'cat /etc/kept; if echo x >/etc/new; then echo written; else echo no; fi' 2>/dev/null; test ! -e "/var/lib/machines/$1.mstack/rw/data/etc/new" || rm "/var/lib/machines/$1.mstack/rw/data/etc/new"`, name)
			if got != run.want {
				t.Errorf("%s: %q, want %q", run.command, got, run.want)
			}
		}
		h.Sh(t, `mkdir "/var/lib/machines/$1.mstack/other"`, name)
		h.refused(t, `mctl start `+name, name+".mstack", "other is nothing that systemd.mstack(7) knows")
	})
}
