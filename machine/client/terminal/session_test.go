// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/console"
)

func TestEscapeNeedsThreeInASecond(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(1000 + ms)) }
	type press struct {
		ms   int
		keys string
	}
	tests := []struct {
		name    string
		presses []press
		out     bool
		passed  int // bytes of the last press
	}{
		{"at once", []press{{0, "ab\x1d\x1d\x1dcd"}}, true, 4},
		{"one by one", []press{{0, "\x1d"}, {400, "\x1d"}, {900, "\x1d"}}, true, 0},
		{"too slow", []press{{0, "\x1d"}, {600, "\x1d"}, {1100, "\x1d"}}, false, 1},
		{"slow, then quick", []press{{0, "\x1d"}, {2000, "\x1d"}, {2100, "\x1d"}, {2200, "\x1d"}}, true, 0},
		{"broken by another key", []press{{0, "\x1d\x1dx\x1d"}}, false, 4},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var e escape
			var passed int
			var out bool
			for _, p := range test.presses {
				passed, out = e.pressed([]byte(p.keys), at(p.ms))
			}
			if out != test.out || passed != test.passed {
				t.Errorf("got %d, %v; want %d, %v", passed, out, test.passed, test.out)
			}
		})
	}
}

// far starts a program on a new terminal, as a machine would, and gives the master.
func far(t *testing.T, script string) *os.File {
	t.Helper()
	master, slave := pty(t)
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return master
}

// pty opens a terminal whose master is polled, as client.OpenPTY gives it.
func pty(t *testing.T) (master, slave *os.File) {
	t.Helper()
	c, path, err := console.NewPty()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Dup(int(c.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	c.Close()
	if err := syscall.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	master = os.NewFile(uintptr(fd), "master")
	t.Cleanup(func() { master.Close() })
	slave, err = os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

type result struct {
	end    End
	err    error
	output string
}

// converse runs a session whose screen is a pipe.
func converse(t *testing.T, s *Session) <-chan result {
	t.Helper()
	screen, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.Out = out
	text := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(screen)
		screen.Close()
		text <- string(all)
	}()
	done := make(chan result, 1)
	go func() {
		end, err := s.Run(t.Context())
		out.Close()
		done <- result{end, err, <-text}
	}()
	return done
}

func pipe(t *testing.T, text string) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		io.WriteString(w, text)
		w.Close()
	}()
	t.Cleanup(func() { r.Close() })
	return r
}

func TestPipeIsReadToItsEnd(t *testing.T) {
	master := far(t, "echo ready; while read -r line; do echo \"got <$line>\"; done; echo over")
	got := <-converse(t, &Session{In: pipe(t, "one\ntwo"), Master: master})
	if got.err != nil || got.end != HungUp {
		t.Errorf("ended %v, %v", got.end, got.err)
	}
	for _, want := range []string{"got <one>", "over"} {
		if !strings.Contains(got.output, want) {
			t.Errorf("no %q in %q", want, got.output)
		}
	}
}

func TestQuietAfterInputIsTheEnd(t *testing.T) {
	master := far(t, "echo prompt; read -r line; exec sleep 60")
	got := <-converse(t, &Session{In: pipe(t, ""), Master: master, Patience: time.Minute, Quiet: 300 * time.Millisecond})
	if got.end != InputEnded || got.err != nil || !strings.Contains(got.output, "prompt") {
		t.Errorf("got %+v", got)
	}
}

func TestKeysAndRawModeOnATerminal(t *testing.T) {
	keyboard, in := pty(t)
	before, err := console.ConsoleFromFile(in)
	if err != nil {
		t.Fatal(err)
	}
	_ = before.Resize(console.WinSize{Height: 17, Width: 71})
	master := far(t, "stty -echo; echo ready; while read -r line; do echo \"got <$line>\"; done")
	done := converse(t, &Session{In: in, Master: master})
	time.Sleep(100 * time.Millisecond)
	io.WriteString(keyboard, "hello\r")
	time.Sleep(100 * time.Millisecond)
	io.WriteString(keyboard, "\x1d\x1d\x1d")
	got := <-done
	if got.end != Escaped || !strings.Contains(got.output, "got <hello>") {
		t.Errorf("got %+v", got)
	}
	if !cooked(t, in) {
		t.Error("terminal is left raw")
	}
}

// cooked tells whether a terminal echoes what is written to it, by its flags.
func cooked(t *testing.T, file *os.File) bool {
	t.Helper()
	cmd := exec.Command("stty", "-a")
	cmd.Stdin = file
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(text), " echo ") && strings.Contains(string(text), " icanon ")
}

func TestPatienceOutlastsAClosedTerminal(t *testing.T) {
	master, slave := pty(t)
	name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(slave.Fd())))
	if err != nil {
		t.Fatal(err)
	}
	slave.Close()
	hold, w, _ := os.Pipe()
	defer hold.Close()
	defer w.Close()
	done := converse(t, &Session{In: hold, Master: master, Patience: 500 * time.Millisecond})
	time.Sleep(100 * time.Millisecond)
	again, err := os.OpenFile(name, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(again, "back again")
	time.Sleep(50 * time.Millisecond)
	again.Close()
	closed := time.Now()
	got := <-done
	if got.end != HungUp || got.output != "back again" {
		t.Errorf("got %+v", got)
	}
	if waited := time.Since(closed); waited < 400*time.Millisecond {
		t.Errorf("ended after %v", waited)
	}
}

func TestEndsWithTheMachine(t *testing.T) {
	master, _ := pty(t)
	hold, w, _ := os.Pipe()
	defer hold.Close()
	defer w.Close()
	gone := make(chan struct{})
	done := converse(t, &Session{In: hold, Master: master, Gone: gone})
	close(gone)
	if got := <-done; got.end != MachineGone || got.err != nil {
		t.Errorf("got %+v", got)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	master, _ := pty(t)
	hold, w, _ := os.Pipe()
	defer hold.Close()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := Session{In: hold, Out: os.Stdout, Master: master}
	if _, err := s.Run(ctx); err == nil {
		t.Error("no error")
	}
}

// Without keys there is no end of file either.
func TestNoInput(t *testing.T) {
	master := far(t, "exec 3<&0; (cat <&3; echo ended) & sleep 0.4; kill $!; echo over")
	got := <-converse(t, &Session{Master: master})
	if got.err != nil || !strings.Contains(got.output, "over") || strings.Contains(got.output, "ended") {
		t.Errorf("got %+v, want only over", got)
	}
}
