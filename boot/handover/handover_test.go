// SPDX-License-Identifier: Apache-2.0

package handover

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// listen makes a datagram socket as a service manager has it.
func listen(t *testing.T) (socket *os.File, path string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "notify")
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		t.Fatal(err)
	}
	socket = os.NewFile(uintptr(fd), "notify")
	t.Cleanup(func() { socket.Close() })
	return socket, path
}

// next reads one message with the descriptors that came along.
func next(t *testing.T, socket *os.File) (string, []*os.File) {
	t.Helper()
	buf, oob := make([]byte, maxMessage), make([]byte, 1024)
	n, oobn, _, _, err := unix.Recvmsg(int(socket.Fd()), buf, oob, 0)
	if err != nil {
		t.Fatal(err)
	}
	var files []*os.File
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if fds, err := unix.ParseUnixRights(&m); err == nil {
			for _, fd := range fds {
				files = append(files, os.NewFile(uintptr(fd), "got"))
			}
		}
	}
	return string(buf[:n]), files
}

func TestManager(t *testing.T) {
	socket, path := listen(t)
	t.Setenv("NOTIFY_SOCKET", path)
	m := FromEnv()
	if os.Getenv("NOTIFY_SOCKET") != "" {
		t.Error("NOTIFY_SOCKET is still set for children")
	}
	kept := filepath.Join(t.TempDir(), "kept")
	if err := os.WriteFile(kept, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(kept)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, tt := range []struct {
		send  func() error
		want  string
		files int
	}{
		{func() error { return m.Store("console", f, f) }, "FDSTORE=1\nFDNAME=console\nFDPOLL=0", 2},
		{func() error { return m.MainProcess(42) }, "MAINPID=42", 0},
		{func() error { return m.Status("two\nlines") }, "STATUS=two lines", 0},
		{func() error { return m.Ready("up") }, "READY=1\nSTATUS=up", 0},
	} {
		if err := tt.send(); err != nil {
			t.Fatal(err)
		}
		got, files := next(t, socket)
		if got != tt.want || len(files) != tt.files {
			t.Errorf("got %q with %d files, want %q with %d", got, len(files), tt.want, tt.files)
		}
		for _, file := range files {
			if text, err := os.ReadFile("/proc/self/fd/" + strconv.Itoa(int(file.Fd()))); err != nil || string(text) != "text" {
				t.Errorf("stored file reads %q, %v", text, err)
			}
			file.Close()
		}
	}
	if err := m.Store("nothing"); err != nil {
		t.Errorf("storing no files: %v", err)
	}
	if err := (Manager{}).Ready("nobody"); err != nil {
		t.Errorf("without a manager: %v", err)
	}
}

func TestStored(t *testing.T) {
	if os.Getenv("HANDOVER_CHILD") != "" {
		os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
		stored := Stored()
		if len(stored["a"]) != 2 || len(stored["b"]) != 1 {
			t.Errorf("stored are %v", stored)
		}
		os.Setenv("LISTEN_PID", "1")
		if len(Stored()) != 0 {
			t.Error("took files that are another process's")
		}
		return
	}
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestStored$")
	cmd.ExtraFiles = []*os.File{null, null, null}
	cmd.Env = append(os.Environ(), "HANDOVER_CHILD=1", "LISTEN_FDS=3", "LISTEN_FDNAMES=a:b:a")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAwaitReady(t *testing.T) {
	socket, path := listen(t)
	send := func(text string) {
		if err := (Manager{socket: path}).send(text, nil); err != nil {
			t.Fatal(err)
		}
	}
	var statuses []string
	note := func(s string) { statuses = append(statuses, s) }

	send("STATUS=Booting\xff")
	send("FOO=1\nREADY=1\nSTATUS=Up")
	if err := AwaitReady(t.Context(), socket, os.Getpid(), note); err != nil {
		t.Fatal(err)
	}
	if len(statuses) != 2 || statuses[0] != "Booting?" || statuses[1] != "Up" {
		t.Errorf("statuses are %q", statuses)
	}
}

func TestAwaitReadyHeedsOnlyThePID(t *testing.T) {
	socket, path := listen(t)
	if err := (Manager{socket: path}).Ready("an impostor"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := AwaitReady(ctx, socket, os.Getpid()+1, func(s string) { t.Errorf("believed %q", s) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the wait to end without an answer", err)
	}
}

// A machine's PID 1 gets a line of text into the host's status, and is ready
// when it says so, no sooner.
func FuzzNotification(f *testing.F) {
	f.Add([]byte("STATUS=Startup \x1b[31mfinished\xff\nREADY=1"))
	f.Add([]byte("READY=1 \nSTATUS=READY=1\nSTATUS="))
	f.Fuzz(func(t *testing.T, message []byte) {
		count := 0
		ready := readNotification(message, func(s string) {
			count++
			if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("status %q", s)
			}
		})
		said := "\n" + string(message) + "\n"
		if ready != strings.Contains(said, "\nREADY=1\n") || count != strings.Count(said, "\nSTATUS=") {
			t.Errorf("ready %v, %d status lines in %q", ready, count, message)
		}
	})
}
