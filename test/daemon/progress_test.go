// SPDX-License-Identifier: Apache-2.0

package daemon_test

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/godbus/dbus/v5"

	"machined-go/test/lab"
)

// told is one line about a copy.
type told struct{ files, bytes int }

// transfer copies by our own interface and gives all that is told of it.
func (h host) transfer(t *testing.T, bus *dbus.Conn, method, source, dest string) (all []told) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done := make(chan *dbus.Call, 1)
	bus.Object("org.machinedgo", "/org/machinedgo").
		Go("org.machinedgo.Manager1."+method, 0, done, "deb", source, dest, uint64(0), dbus.UnixFD(w.Fd()))
	w.Close() // the message has its own
	for lines := bufio.NewScanner(r); lines.Scan(); {
		var l told
		if _, err := fmt.Sscanf(lines.Text(), "%d %d", &l.files, &l.bytes); err != nil {
			t.Fatalf("%s: told %q: %v", method, lines.Text(), err)
		}
		all = append(all, l)
	}
	if call := <-done; call.Err != nil {
		t.Fatalf("%s %s: %v", method, source, call.Err)
	}
	return all
}

// Copies of many files and of a big one tell how far they are, in both
// directions, and at last that they are done.
func TestCopiesTellProgress(t *testing.T) {
	h := on(t, lab.Suites()[0])
	t.Cleanup(func() {
		h.try(`rm -rf /run/many* /var/lib/machines/.data /var/lib/machines/deb/root/many /var/lib/machines/deb/root/big; systemctl stop contain@deb`)
	})
	h.sh(t, up+`mkdir -p /var/lib/machines/.data /run/many; cd /var/lib/machines/.data
		for i in {1..10000}; do echo "$i" >/run/many/$i; done; head -c 1G /dev/zero >big; echo end | dd of=big bs=1 seek=$((2 ** 30 - 4)) conv=notrunc status=none`)
	bus := h.Bus(t)
	for _, c := range []struct {
		dir, name string
		want      told
	}{
		{"/run/", "many", told{10001, 48894}},
		{"/var/lib/machines/.data/", "big", told{1, 1 << 30}},
	} {
		for _, way := range []struct{ method, source, dest string }{
			{"CopyTo", c.dir + c.name, "/root/" + c.name},
			{"CopyFrom", "/root/" + c.name, c.dir + c.name + "-back"},
		} {
			all := h.transfer(t, bus, way.method, way.source, way.dest)
			if len(all) < 2 || all[0] == c.want || all[len(all)-1] != c.want {
				t.Errorf("%s of %s: told %v, want some on the way and %v at last", way.method, c.name, all, c.want)
			}
			if !slices.IsSortedFunc(all, func(a, b told) int { return min(a.files-b.files, a.bytes-b.bytes) }) {
				t.Errorf("%s of %s: told %v, not forward", way.method, c.name, all)
			}
			t.Logf("%s of %s: told %v", way.method, c.name, all)
		}
		h.sh(t, `diff -r "$1" "$1-back"`, c.dir+c.name)
	}
}
