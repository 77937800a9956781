// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/boot/handover"
	"machined-go/boot/sys"
)

// announce says that it is ready, and stays.
func announce() int {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	to := &unix.SockaddrUnix{Name: os.Getenv("NOTIFY_SOCKET")}
	for _, message := range []string{"STATUS=almost", "READY=1"} {
		if err == nil {
			err = unix.Sendto(fd, []byte(message), 0, to)
		}
	}
	if err != nil {
		return 1
	}
	return stay()
}

func stay() int {
	time.Sleep(time.Minute)
	return 1
}

// A service manager that started us is told when the machine is ready, and by whose word.
func TestForegroundTellsWhenReady(t *testing.T) {
	needRoot(t)
	for _, tt := range []struct {
		does  string
		ready *bool
		want  string
	}{
		{"announce", new(true), "STATUS=almost READY=1"},
		{"announce", new(false), "READY=1"},
		{"stay", nil, "READY=1"},
		{"7", new(true), ""},
	} {
		path := filepath.Join(t.TempDir(), "notify")
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		socket := os.NewFile(uintptr(fd), "manager")
		defer socket.Close()
		if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
			t.Fatal(err)
		}
		t.Setenv("NOTIFY_SOCKET", path)
		f := &Foreground{
			Starter: Starter{Units: &fakeUnits{t: t}, Registry: &fakeRegistry{}}, Manager: handover.FromEnv(),
			LockImage: func(sys.Locker) ([]*os.File, error) { return nil, nil },
		}
		spec := Spec{
			Name: "boot-ready", Root: tree(t), Command: []string{"/sbin/init"}, NotifyReady: tt.ready, Network: Network{Veth: new(false)},
			Environment: map[string]string{insideVar: tt.does},
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		said := inBackground(func() (string, error) {
			defer cancel()
			return readUntilReady(socket), nil
		})
		if _, err := f.Run(ctx, spec); err != nil {
			t.Fatal(err)
		}
		if tt.want == "" {
			_ = socket.SetReadDeadline(time.Unix(1, 0))
		}
		if got, _ := said(); got != tt.want {
			t.Errorf("%s with notify_ready %v: the service manager is told %q, want %q", tt.does, tt.ready, got, tt.want)
		}
		cancel()
	}
}

// readUntilReady gives the first line of each message up to one that says READY=1.
func readUntilReady(socket *os.File) string {
	var lines []string
	buf := make([]byte, 4096)
	for {
		n, err := socket.Read(buf)
		if err != nil {
			return strings.Join(lines, " ")
		}
		line, _, _ := strings.Cut(string(buf[:n]), "\n")
		if lines = append(lines, line); line == "READY=1" {
			return strings.Join(lines, " ")
		}
	}
}
