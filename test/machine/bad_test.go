// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"strings"
	"testing"
)

// refused tries a command that must fail with one line that has all the words.
func (h *host) refused(t *testing.T, command string, words ...string) {
	t.Helper()
	stdout, stderr, code := h.Try(`timeout -k 2 20 ` + command + ` || code=$?; systemctl reset-failed 'contain@*'; exit ${code:-0}`)
	if code == 0 || code == 124 || code == 137 {
		t.Errorf("%s: exit status %d, want a failure\n%s%s", command, code, stdout, stderr)
	}
	if stdout != "" {
		t.Errorf("%s: stdout %q", command, stdout)
	}
	t.Logf("%s: %s", command, strings.TrimSpace(stderr))
	oneLine(t, stderr, append(words, "mctl: ")...)
}

func TestNoSuchImage(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		before := h.calm(t)
		h.refused(t, `mctl start none`, `"none"`, "no such image", "mctl list --all")
		h.refused(t, `mctl run none`, `"none"`, "no such image")
		h.refused(t, `mctl run ./none`, "no such file")
		h.refused(t, `mctl run /etc/passwd`, "/etc/passwd", "no file system")
		h.refused(t, `mctl run --dry-run none`, "no such image")
		h.refused(t, `mctl poweroff deb`, `"deb"`, "mctl start deb")
		h.nothingLeft(t, before)
	})
}

func TestImageWithoutInit(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.remove(t, "empty")
		h.Sh(t, `mkdir -p /var/lib/machines/empty`)
		before := h.calm(t)
		h.refused(t, `mctl start empty`, `"empty"`, "no init", "/var/lib/machines/empty")
		h.refused(t, `mctl run empty`, `"empty"`, "no init")
		h.refused(t, `mctl run empty /bin/true`, "/bin/true", "no such file")
		// Links must not lead out of the tree, nor a directory count as a program.
		h.Sh(t, `cd /var/lib/machines/empty; mkdir sbin; ln -s ../../../../../../bin/bash sbin/init`)
		h.refused(t, `mctl start empty`, "no init")
		h.Sh(t, `cd /var/lib/machines/empty; rm sbin/init; mkdir sbin/init`)
		h.refused(t, `mctl start empty`, "no init")
		h.Sh(t, `cd /var/lib/machines/empty; rmdir sbin/init; echo data >sbin/init`)
		h.refused(t, `mctl start empty`, "no init")
		h.nothingLeft(t, before)
	})
}

// An init that cannot be executed shows only when the machine is all set up.
func TestInitThatCannotRun(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.tiny(t, "tiny", "")
		h.Sh(t, `echo '#!/no/such/interpreter' >/var/lib/machines/tiny/sbin/init`)
		before := h.calm(t)
		h.refused(t, `mctl start tiny`, "/sbin/init", "no such file")
		h.refused(t, `mctl run tiny`, "/sbin/init", "no such file")
		h.Sh(t, `head -c 100 /dev/zero >/var/lib/machines/tiny/sbin/init`)
		h.refused(t, `mctl start tiny`, "/sbin/init", "exec format error")
		h.nothingLeft(t, before)
	})
}

func TestNamesThatAreNoHostNames(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.tiny(t, "a..b", "exit 0")
		h.tiny(t, "tiny", "exit 0")
		before := h.calm(t)
		for _, name := range []string{"a..b", "a b", ".hidden", "ä", "../tiny", "a/b", strings.Repeat("x", 65), "x-", "-- -x"} {
			if !strings.HasPrefix(name, "-- ") {
				h.refused(t, `mctl run --machine='`+name+`' tiny /bin/cat /etc/os-release`, "name")
				name = "'" + name + "'"
			}
			h.refused(t, `mctl start `+name, "name")
		}
		// What systemctl lets through is the starter's to refuse.
		_, _, code := h.Try(`systemctl start contain@a..b`)
		if code == 0 {
			t.Error("systemctl start contain@a..b succeeded")
		}
		if status := h.show(t, "contain@a..b", "StatusText")["StatusText"]; !strings.Contains(status, `"a..b" is not a host name`) {
			t.Errorf("status of the unit: %q", status)
		}
		h.Sh(t, `systemctl reset-failed contain@a..b`)
		h.nothingLeft(t, before)
	})
}

func TestTreeInUse(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.tiny(t, "tiny", obedient)
		idle := h.calm(t)
		h.start(t, "tiny")
		running := h.calm(t)
		h.refused(t, `mctl run --machine other tiny /bin/cat`, "/var/lib/machines/tiny", "in use", "mctl list")
		h.refused(t, `mctl run --machine other --read-only tiny /bin/cat`, "in use")
		h.refused(t, `mctl run tiny /bin/cat`, `"tiny"`, "runs already")
		h.nothingLeft(t, running)
		h.Sh(t, `ln -sfn tiny /var/lib/machines/alias`)
		t.Cleanup(func() { h.Sh(t, `rm -f /var/lib/machines/alias`) })
		aliased := h.calm(t)
		h.refused(t, `mctl start alias`, "in use")
		_, stderr, code := h.Try(`timeout -k 2 20 systemd-nspawn -q -D /var/lib/machines/tiny -M other /bin/cat`)
		if code == 0 || !strings.Contains(stderr, "busy") {
			t.Errorf("systemd-nspawn on a tree that we run: exit status %d, %q", code, stderr)
		}
		h.nothingLeft(t, aliased)
		h.Sh(t, `rm /var/lib/machines/alias; mctl poweroff tiny`)
		h.nothingLeft(t, idle)
	})
}

func TestTreeInUseByNspawn(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.tiny(t, "tiny", "exit 0")
		idle := h.calm(t)
		h.Sh(t, `systemd-run -q --unit=stock-nspawn systemd-nspawn -q -D /var/lib/machines/tiny /bin/sleep 600
			until machinectl status tiny >/dev/null 2>&1; do sleep 0.05; done`)
		t.Cleanup(func() { _, _, _ = h.Try(`systemctl stop stock-nspawn`) })
		running := h.calm(t)
		h.refused(t, `mctl start tiny`, "/var/lib/machines/tiny", "in use")
		h.refused(t, `mctl run tiny`, "in use")
		h.refused(t, `mctl run --machine other tiny`, "in use")
		h.nothingLeft(t, running)
		if got := h.listed(t); len(got) != 1 || got[0] != "tiny" {
			t.Errorf("machinectl list: %q, want nspawn's tiny", got)
		}
		h.Sh(t, `systemctl stop stock-nspawn; systemctl reset-failed stock-nspawn 2>/dev/null || true`)
		h.Sh(t, `rm -f /run/systemd/nspawn/locks/* /var/lib/machines/.#tiny.lck`) // what nspawn leaves is its own affair
		h.nothingLeft(t, idle)
	})
}

// A file system without room for one more file, at each place where a start
// makes one.
func TestFullDisk(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.tiny(t, "tiny", obedient)
		// The tree itself: the directories to mount on are missing.
		h.remove(t, "full")
		h.Sh(t, `mkdir -p /var/lib/machines/full; truncate -s 16M /root/full.img; mke2fs -q -t ext4 -b 1024 -N 128 -O ^has_journal /root/full.img
			mount -o loop /root/full.img /var/lib/machines/full
			cp -a /var/lib/machines/tiny/. /var/lib/machines/full
			cd /var/lib/machines/full; rmdir dev run
			i=0; while mkdir "root/$i" 2>/dev/null; do i=$((i + 1)); done; cat /dev/zero >root/data 2>/dev/null || true`)
		t.Cleanup(func() { h.Sh(t, `umount /var/lib/machines/full; rm /root/full.img`) })
		before := h.calm(t)
		h.refused(t, `mctl start full`, "no space left on device")
		h.refused(t, `mctl run full`, "no space left on device")
		h.refused(t, `mctl run full /bin/cat`, "no space left on device")
		h.nothingLeft(t, before)
		for _, dir := range []string{"/run/machined-go/notes", "/run/systemd/nspawn-uid", "/run/systemd/nspawn/locks",
			"/run/systemd/machines", "/run/machined-go/records"} {
			t.Run(dir, func(t *testing.T) {
				h.Sh(t, `mount -t tmpfs -o nr_inodes=1 full "$1"`, dir)
				t.Cleanup(func() { h.Sh(t, `umount "$1"`, dir) })
				crowded := h.calm(t)
				h.refused(t, `mctl start tiny`, "no space left on device")
				h.refused(t, `mctl run tiny`, "no space left on device")
				h.nothingLeft(t, crowded)
			})
		}
		h.nothingLeft(t, before)
		h.Sh(t, `mctl start tiny; mctl poweroff tiny`)
	})
}

// A start that is interrupted leaves nothing, in whatever step it was.
func TestSignalInTheMiddleOfStart(t *testing.T) {
	times := "12"
	if mustRun() {
		times = "50"
	}
	eachSuite(t, func(t *testing.T, h *host) {
		h.tiny(t, "tiny", obedient)
		before := h.calm(t)
		for _, c := range []struct{ name, script string }{
			{"starter", `mctl start tiny 2>/run/said & job=$!
				sleep "$delay"
				systemctl kill --kill-whom=main -s "$signal" contain@tiny 2>/dev/null || true`},
			{"run", `mctl run tiny /bin/sleep 600 2>/run/said & job=$!
				sleep "$delay"
				kill -s "$signal" "$job"`},
			// An init that does not listen yet misses the first signal.
			{"run of a booted machine", `mctl run tiny 2>/run/said & job=$!
				sleep "$delay"
				kill -s "$signal" "$job"
				sleep 0.5
				kill -s "$signal" "$job" 2>/dev/null || true`},
		} {
			t.Run(c.name, func(t *testing.T) {
				for _, signal := range []string{"TERM", "INT", "KILL"} {
					said := h.Sh(t, strings.ReplaceAll(interrupted, "START", c.script), times, signal)
					t.Logf("%s: %s", signal, strings.Join(strings.Fields(said), " "))
					h.nothingLeft(t, before)
				}
			})
		}
	})
}

// interrupted counts how starts end that get a signal after a random delay.
const interrupted = `
set -m # or a background job ignores SIGINT; not in a pipeline, where it has no effect
times=$1 signal=$2
for ((i = 0; i < times; i++)); do
	delay=0.0$(printf %02d $((RANDOM % 60)))
	: >/run/said
	START
	status=0
	wait "$job" || status=$?
	said=$(</run/said)
	case $status in
	0 | 137) [[ ! $said ]] || { echo "$signal after $delay: status $status, said $said" >&2; exit 1; } ;;
	*)
		[[ $said == 'mctl: '* && $said != *$'\n'* ]] || [[ $status == 130 || $status == 143 ]] ||
			{ echo "$signal after $delay: status $status, said $said" >&2; exit 1; }
		;;
	esac
	echo "$status"
	main=$(systemctl show -P MainPID contain@tiny)
	((!main)) || kill -KILL "$main" || true
	systemctl stop contain@tiny
	systemctl reset-failed contain@tiny 2>/dev/null || true
done >/run/ends
sort /run/ends | uniq -c | awk '{ print $2 "×" $1 }'
`
