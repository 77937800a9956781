// SPDX-License-Identifier: Apache-2.0

// Package escape_test has machines attack their host, and each other. The attacker is this test's own program, which is put into an
// image; it tries, as root of the machine, and tells of each attempt what came of it.
package escape_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"machined-go/test/lab"
)

func TestMain(m *testing.M) {
	if act, ok := acts()[filepath.Base(os.Args[0])]; ok {
		act(os.Args[1:])
		return
	}
	lab.Main(m)
}

// commandLimit is longer than anything here takes; what hangs fails.
const commandLimit = "120"

// host is a lab that has our daemon, with images that hold the attacker.
type host struct {
	*lab.Lab
	suite string
}

// secret is what the host has in files that no machine may read.
const secret = "the-secret-of-the-host"

// eachSuite runs a test on a host of each suite at the same time.
func eachSuite(t *testing.T, test func(t *testing.T, h *host)) {
	lab.EachSuite(t, func(t *testing.T, suite string) { test(t, up(t, suite)) })
}

func up(t *testing.T, suite string) *host {
	h := &host{lab.Up(t, suite, lab.Ours), suite}
	h.Once(func() { h.prepare(t) })
	return h
}

// image makes the tree of a machine: little more than the attacker, which is also its init and its getent.
const image = `
image() { # NAME
	local tree=/var/lib/machines/$1
	rm -rf "$tree"
	mkdir -p "$tree"/{usr/{bin,sbin,lib},etc,proc,sys,dev,run,tmp,root,home,var/log,orders,canary}
	ln -s usr/bin "$tree/bin"; ln -s usr/sbin "$tree/sbin"; ln -s usr/lib "$tree/lib"
	ln /var/lib/machines/.attacker "$tree/usr/bin/attacker"
	ln -s ../bin/attacker "$tree/usr/sbin/init"; ln -s attacker "$tree/usr/bin/getent"
	printf 'ID=prey\nNAME=Prey\n' >"$tree/usr/lib/os-release"
	printf 'root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000::/home:/bin/sh\n' >"$tree/etc/passwd"
}
`

func (h *host) prepare(t *testing.T) {
	t.Helper()
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	h.feed(t, program, `cat >/var/lib/machines/.attacker; chmod 755 /var/lib/machines/.attacker; ln -sf /var/lib/machines/.attacker /usr/local/bin/attacker`)
	h.Sh(t, image+`
		mkdir -p /srv/canary; echo "$1" >/etc/escape-canary; echo "$1" >/srv/canary/file
		image prey; image other`, secret)
}

// feed is sh with something on standard input.
func (h *host) feed(t testing.TB, input []byte, script string) {
	t.Helper()
	cmd := h.Command("timeout", "-k", "5", commandLimit, "bash", "-euo", "pipefail", "-c", script)
	cmd.Stdin = bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v of:\n%s\n%s", h.Name, err, script, out)
	}
}

// run has the attacker try something in a machine in the foreground.
func (h *host) run(t *testing.T, flags []string, attack ...string) {
	t.Helper()
	command := append([]string{"timeout", "-k", "5", commandLimit, "mctl", "run", "--settings=no"}, flags...)
	command = append(command, "--directory=/var/lib/machines/prey", "/usr/bin/attacker")
	out, errs, code := h.Exec(append(command, attack...)...)
	if code != 0 {
		t.Errorf("exit status %d of %q\n%s", code, command, errs)
	}
	judge(t, out)
}

// start boots a machine of its own service, with the attacker as its init, and has it off again when the test ends.
func (h *host) start(t *testing.T, name string) {
	t.Helper()
	t.Cleanup(func() { h.Sh(t, `mctl poweroff "$1"; rm -f "/etc/machined-go/machines/$1.toml"`, name) })
	h.Sh(t, `mkdir -p /etc/machined-go/machines; rm -f "/var/lib/machines/$1/orders"/*
		echo 'notify_ready = true' >"/etc/machined-go/machines/$1.toml"; mctl start "$1"`, name)
}

// order has the init of a machine run the attacker, and gives what that says.
func (h *host) order(t *testing.T, name string, attack ...string) string {
	t.Helper()
	return h.Sh(t, `cd "/var/lib/machines/$1/orders"; shift; rm -f order said
		printf '%s\n' "$@" >new; mv new order
		for ((i = 0; i < 1000; i++)); do [[ ! -e said ]] || { cat said; exit; }; sleep 0.02; done; echo "no answer" >&2; exit 1`,
		append([]string{name}, attack...)...)
}

// judge reads what an attacker tells: each line is an attempt, and what came of it.
func judge(t *testing.T, out string) {
	t.Helper()
	held, done := 0, false
	for line := range strings.Lines(out) {
		verdict, what, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		switch verdict {
		case wordHeld:
			held++
			show(t, "held: "+what)
		case wordNote:
			show(t, what)
		case wordDone:
			done = true
		case wordBroken:
			t.Error("BROKEN: ", what)
		default:
			t.Errorf("what is this? %q", line)
		}
	}
	if held == 0 || !done {
		t.Errorf("the attacker did not try all, or nothing (%d attempts):\n%s", held, out)
	}
	show(t, fmt.Sprintf("%d attempts held", held))
}

// show logs what came of each attempt, if ESCAPE_SHOW is set.
func show(t *testing.T, what string) {
	if os.Getenv("ESCAPE_SHOW") != "" {
		t.Log(what)
	}
}
