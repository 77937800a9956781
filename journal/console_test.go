// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

func TestLines(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "a\r\nb\n", "a|b"},
		{"colour", "[\x1b[0;32m  OK  \x1b[0m] Started.\r\n", "[  OK  ] Started."},
		{"title", "\x1b]0;title\x07login\n\x1b]8;;u\x1b\\link\x1b]8;;\x1b\\\n", "login|link"},
		{"overwritten", "[*  ] waiting\r[ * ] waiting\r\x1b[K[ OK ] done\r\n", "[ OK ] done"},
		{"empty lines", "\n\r\n  \n\x1b[2J\n", ""},
		{"charset", "\x1b(Bx\n", "x"},
		{"backspace", "ab\b\bcd\n", "cd"},
		{"control", "a\x00\x07b\tc\n", "ab\tc"},
		{"long", strings.Repeat("x", maxLine+3) + "\n", strings.Repeat("x", maxLine) + "|xxx"},
		{"unfinished", "login: ", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, step := range []int{1, 7, 1 << 20} {
				var got []string
				var l lines
				for in := []byte(c.in); len(in) > 0; {
					n := min(step, len(in))
					l.add(in[:n], func(b []byte) { got = append(got, string(b)) })
					in = in[n:]
				}
				if s := strings.Join(got, "|"); s != c.want {
					t.Errorf("in steps of %d: %q, want %q", step, s, c.want)
				}
			}
		})
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("\x1b[31mred\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var l lines
		l.add(in, func(line []byte) {
			if len(line) > maxLine {
				t.Errorf("line of %d bytes", len(line))
			}
			for _, c := range line {
				if c < ' ' && c != '\t' {
					t.Errorf("control character %#x got through", c)
				}
			}
		})
	})
}

// listen is a journald that only collects.
func listen(t *testing.T) (path string, read func() string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "socket")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return path, func() string {
		b := make([]byte, 1<<17)
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestConsoleWritesEntries(t *testing.T) {
	path, read := listen(t)
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	c := NewPool(NewWriter(path)).Open(fds[0], Source{Machine: "web", Units: []string{"contain@web.service", "machine-web.scope"}})
	unix.Write(fds[1], []byte("one\r\ntwo\xff\r\nlogin: "))
	if c.Drain() {
		t.Error("more is said to be there")
	}
	const head = "PRIORITY=6\nSYSLOG_IDENTIFIER=web\nMACHINE=web\nOBJECT_SYSTEMD_UNIT=contain@web.service\nOBJECT_SYSTEMD_UNIT=machine-web.scope\n"
	want := head + "MESSAGE=one\n\n" + head + "MESSAGE=two\uFFFD\n"
	if got := read(); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	c.Finish()
	if got := read(); got != head+"MESSAGE=login:\n" {
		t.Errorf("after Finish: %q", got)
	}
}

// A machine that floods its console is slowed to its share and told of it.
func TestConsoleRateLimit(t *testing.T) {
	path, read := listen(t)
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	pool := NewPool(NewWriter(path))
	now := time.Now()
	pool.now = func() time.Time { return now }
	c := pool.Open(fds[0], Source{Machine: "web"})
	c.tokens = 2
	unix.Write(fds[1], []byte("1\n2\n3\n4\n"))
	c.Drain()
	if got := read(); strings.Count(got, "MESSAGE=") != 2 {
		t.Errorf("got %q, want two entries", got)
	}
	now = now.Add(time.Second)
	unix.Write(fds[1], []byte("5\n"))
	c.Drain()
	if got := read(); !strings.Contains(got, fmt.Sprintf("(2 lines of console output were dropped: more than %d a second)", lineRate)) || !strings.Contains(got, "MESSAGE=5\n") {
		t.Errorf("got %q", got)
	}
}

// No journald: the machine must not wait for ever, and the lines are counted.
func TestConsoleWithoutJournal(t *testing.T) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	c := NewPool(NewWriter(filepath.Join(t.TempDir(), "none"))).Open(fds[0], Source{Machine: "web"})
	unix.Write(fds[1], []byte("lost\n"))
	c.Drain()
	if c.dropped != 1 {
		t.Errorf("%d lines are counted as dropped, want 1", c.dropped)
	}
}

// The lines are the same however the output comes in pieces.
func FuzzPieces(f *testing.F) {
	f.Add([]byte("a\r\n\x1b[31mb\x1b[0m\n\x1b]0;t\x1b\\c\b"), uint16(3))
	f.Add([]byte("\x1b(\n\r\r\n"), uint16(1))
	f.Fuzz(func(t *testing.T, in []byte, at uint16) {
		read := func(pieces ...[]byte) (got []string) {
			var l lines
			emit := func(line []byte) { got = append(got, string(line)) }
			for _, p := range pieces {
				l.add(p, emit)
			}
			l.flush(emit)
			return got
		}
		n := min(int(at), len(in))
		if whole, pieces := read(in), read(in[:n], in[n:]); !slices.Equal(whole, pieces) {
			t.Errorf("%q, in pieces %q", whole, pieces)
		}
	})
}

// Whatever a machine is called and writes, its entry has our fields and one
// message, in UTF-8.
func FuzzEntry(f *testing.F) {
	f.Add("deb", "contain@deb.service", []byte("\x1b[0mlogin: \xff\nPRIORITY=0\n"))
	f.Add("a\nMESSAGE=x", "\n\n", []byte("\n\n.\n"))
	f.Fuzz(func(t *testing.T, machine, unit string, out []byte) {
		c := NewPool(nil).Open(-1, Source{machine, []string{unit}})
		if len(c.prefix)+2*maxLine > maxDatagram {
			return // names are short
		}
		var l lines
		l.add(append(out, '\n'), func(line []byte) {
			b := &buffers{}
			c.append(b, line)
			fields := strings.Split(strings.TrimSuffix(string(b.out), "\n"), "\n")
			want := []string{"PRIORITY=6", "SYSLOG_IDENTIFIER=", "MACHINE=", "OBJECT_SYSTEMD_UNIT=", "MESSAGE="}
			if len(fields) != len(want) {
				t.Fatalf("%d fields: %q", len(fields), fields)
			}
			for i, f := range fields {
				if !strings.HasPrefix(f, want[i]) {
					t.Errorf("field %q, want %s", f, want[i])
				}
			}
			if msg := fields[4]; !utf8.ValidString(msg) || strings.ContainsAny(msg, "\x00\x1b\r") {
				t.Errorf("message %q", msg)
			}
		})
	})
}
