// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"machined-go/test/lab"
)

// receives is the first version of systemd-journal-remote that can receive from machines.
const receives = 256

// received waits until a journal on the host, as options of journalctl name it, has a line of exactly that text.
func (h *host) received(t testing.TB, journal, line string) {
	t.Helper()
	lab.Eventually(t, 10*time.Second, func() error {
		out, errs, _ := h.Try(`journalctl -q -o cat $1`, journal)
		if !strings.Contains("\n"+out, "\n"+line+"\n") {
			return fmt.Errorf("%s has no line %q: %s", journal, line, errs)
		}
		return nil
	})
}

// forwards writes settings of machine deb, until the test ends.
func (h *host) forwards(t testing.TB, settings string) {
	t.Helper()
	h.Sh(t, `mkdir -p /etc/machined-go/machines; printf '[integration]\n%s\n' "$1" >/etc/machined-go/machines/deb.toml`, settings)
	t.Cleanup(func() { h.Sh(t, `rm -rf /etc/machined-go/machines/deb.toml /var/log/forwarded`) })
}

// A machine's journal comes to the host while it runs, whatever becomes of who receives it, and until its last line.
func TestForwardJournal(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		if h.suite == "bookworm" {
			h.forwards(t, `forward_journal = "/var/log/forwarded"`)
			_, errs, _ := h.Try(`mctl start deb`)
			oneLine(t, errs, "systemd-journal-remote of systemd 252 cannot receive from machines: 256 or newer is needed")
			h.end("deb")
			return
		}
		const unit, file = "machined-go-journal@deb.service", "--file=/var/log/forwarded/deb.journal"
		settings := `forward_journal = "/var/log/forwarded/deb.journal"`
		if h.suite == "sid" {
			settings += "\n" + `forward_journal_max_use = "64M"` + "\nforward_journal_max_files = 3"
		}
		before := h.calm(t)
		h.forwards(t, settings)
		h.start(t, "deb")
		h.received(t, file, "Journal started")
		if is := h.show(t, unit, "BindsTo", "ActiveState"); is["BindsTo"] != "machine-deb.scope" || is["ActiveState"] != "active" {
			t.Errorf("the receiver is %v", is)
		}
		if argv := h.Sh(t, `xargs -0 </proc/$(systemctl show -P MainPID "$1")/cmdline`, unit); h.suite == "sid" && !strings.Contains(argv, "--max-use=67108864 --max-files=3") {
			t.Errorf("the receiver is %s", argv)
		}
		if got := h.inside(t, "deb", `stat -c '%U %a' /run/host/journal/socket`); got != "root 600\n" {
			t.Errorf("the socket is %s", got)
		}

		h.Sh(t, `kill -KILL $(systemctl show -P MainPID "$1")`, unit)
		h.await(t, unit, "NRestarts=1", "ActiveState=active")
		// The first line finds out that its connection is broken.
		h.inside(t, "deb", `systemd-cat echo lost; systemd-cat echo after a kill`)
		h.received(t, file, "after a kill")

		boot := strings.TrimSpace(h.inside(t, "deb", `cat /proc/sys/kernel/random/boot_id`))
		h.Sh(t, `timeout 30 mctl reboot deb`)
		lab.Eventually(t, 20*time.Second, func() error {
			out, _, code := h.Try(`systemd-run -M deb -q --wait --pipe --collect /bin/cat /proc/sys/kernel/random/boot_id`)
			if code != 0 || strings.TrimSpace(out) == boot {
				return fmt.Errorf("it has not rebooted: %s", out)
			}
			return nil
		})
		h.inside(t, "deb", `systemd-cat echo after a reboot`)
		h.received(t, file, "after a reboot")

		h.Sh(t, `mctl poweroff deb`)
		h.received(t, file+" -n 1", "Journal stopped")
		h.nothingLeft(t, before)
	})
}

// A machine in the foreground has its journal received in the same way, and what cannot be is said in one line.
func TestForwardJournalOfRun(t *testing.T) {
	sinceSuite(t, receives, func(t *testing.T, h *host) {
		t.Cleanup(func() { h.Sh(t, `rm -rf /var/log/forwarded`) })
		before := h.calm(t)
		h.Sh(t, `mctl run --forward-journal=/var/log/forwarded/all deb </dev/null >/dev/null 2>&1 &
			until [[ $(mctl list) == *deb* ]]; do sleep .05; done; sleep 1; mctl poweroff deb; wait $!`)
		h.received(t, "--directory=/var/log/forwarded/all -n 1", "Journal stopped")
		if got := h.Sh(t, `systemd-run -q --unit=kept -p Delegate=yes --wait --pipe --collect mctl run --keep-unit --forward-journal='/var/log/forwarded/a $b %n' -M kept -D /var/lib/machines/deb /bin/sh -c 'ls /run/host/journal' && ls /var/log/forwarded`); got != "socket\na $b %n\nall\n" {
			t.Errorf("a machine that stays in its starter's unit has %q", got)
		}
		h.nothingLeft(t, before)

		for args, want := range map[string]string{
			"--forward-journal=/etc/hostname/x":                "/etc/hostname is not a directory",
			"--forward-journal=/etc/hostname":                  "/etc/hostname is not a directory",
			"--forward-journal-max-use=1G":                     "there is none",
			"--forward-journal=/x --forward-journal-max-use=x": "not a number of bytes",
		} {
			_, errs, code := h.Try(`mctl run $1 deb /bin/true`, args)
			if code != 125 {
				t.Errorf("%s: exit status %d", args, code)
			}
			oneLine(t, errs, want)
		}
		program := "/usr/lib/systemd/systemd-journal-remote"
		_, errs, code := h.Try(`mv $1 $1.away; code=0; mctl run --forward-journal=/var/log/forwarded deb /bin/true || code=$?; mv $1.away $1; exit $code`, program)
		if code != 125 {
			t.Errorf("without a receiver: exit status %d", code)
		}
		oneLine(t, errs, "install package systemd-journal-remote")
		h.nothingLeft(t, before)
	})
}

// The receiver writes where it is told and nowhere else, for what it reads is the machine's.
func TestReceiverIsConfined(t *testing.T) {
	sinceSuite(t, receives, func(t *testing.T, h *host) {
		h.forwards(t, `forward_journal = "/var/log/forwarded"`)
		h.start(t, "deb")
		got := h.Sh(t, `pid=$(systemctl show -P MainPID machined-go-journal@deb.service)
			for file in /var/log/forwarded/x /var/log/x /etc/x /var/lib/machines/x; do
				nsenter -m -t $pid touch $file 2>/dev/null && echo $file
			done; rm -f /var/log/forwarded/x; sed -n 's/^CapBnd:\t//p; s/^NoNewPrivs:\t//p' /proc/$pid/status; readlink /proc/$pid/ns/net /proc/self/ns/net | uniq | wc -l`)
		if want := "/var/log/forwarded/x\n0000000000000002\n1\n2\n"; got != want {
			t.Errorf("it can do %q, want %q", got, want)
		}
	})
}
