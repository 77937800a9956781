// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// fakeStore is an fd store that only knows names.
type fakeStore struct {
	mu    sync.Mutex
	names map[string]bool
	full  bool
}

func (s *fakeStore) Keep(name string, _ int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return errors.New("full")
	}
	s.names[name] = true
	return nil
}

func (s *fakeStore) Forget(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.names, name)
	return nil
}

func (s *fakeStore) has(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.names[name]
}

// reader collects what a console says.
type reader struct {
	fd       int
	got      chan string
	finished chan struct{}
}

func (r reader) Drain() bool {
	b := make([]byte, 4096)
	if n, _ := unix.Read(r.fd, b); n > 0 {
		r.got <- string(b[:n])
		return true
	}
	return false
}

func (r reader) Finish() { close(r.finished) }

type keeping struct {
	*Keeper
	store *fakeStore
	last  reader
}

func newKeeping(t *testing.T) *keeping {
	t.Helper()
	poll, err := sys.NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	go poll.Run(t.Context())
	k := &keeping{store: &fakeStore{names: map[string]bool{}}}
	k.Keeper = NewKeeper(k.store, poll, func(_ Machine, fd int) Console {
		k.last = reader{fd, make(chan string, 16), make(chan struct{})}
		return k.last
	}, slog.New(slog.DiscardHandler))
	return k
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func TestKeepConsole(t *testing.T) {
	k := newKeeping(t)
	m := Machine{Name: "web", Leader: &Process{PID: os.Getpid(), fd: -1}}
	r, w := pipe(t)
	w.WriteString("early")
	if err := k.HoldConsole(m, int(r.Fd())); err != nil {
		t.Fatal(err)
	}
	r.Close() // it has its own
	if got := <-k.last.got; got != "early" {
		t.Errorf("read %q", got)
	}
	w.WriteString("late")
	if got := <-k.last.got; got != "late" {
		t.Errorf("read %q", got)
	}
	if !k.store.has("console-web") {
		t.Error("it is not in the fd store")
	}
	k.MachineRemoved(m)
	<-k.last.finished
	if k.store.has("console-web") {
		t.Error("it is still in the fd store")
	}
}

func TestKeepFails(t *testing.T) {
	k := newKeeping(t)
	k.store.full = true
	r, _ := pipe(t)
	if err := k.HoldConsole(Machine{Name: "web", Leader: &Process{fd: -1}}, int(r.Fd())); err == nil {
		t.Error("a console that is not safe is held")
	}
}

func TestRestore(t *testing.T) {
	k := newKeeping(t)
	r, w := pipe(t)
	find := func(name string) (Machine, error) {
		if name != "web" {
			return Machine{}, ErrNoSuchMachine
		}
		return Machine{Name: name, Leader: &Process{fd: -1}}, nil
	}
	for _, name := range []string{"console-gone", "console-web", "odd"} {
		k.store.names[name] = true
		dup, err := unix.Dup(int(r.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		k.Restore(name, dup, find)
	}
	if !k.store.has("console-web") || k.store.has("console-gone") || k.store.has("odd") {
		t.Errorf("in the store: %v", k.store.names)
	}
	w.WriteString("on")
	if got := <-k.last.got; got != "on" {
		t.Errorf("read %q", got)
	}
}

// Only what the leader sends counts, and the socket is drained whoever sends.
func TestKeepNotify(t *testing.T) {
	k := newKeeping(t)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	m := Machine{Name: "web", Leader: &Process{PID: os.Getpid(), fd: -1}}
	if err := k.HoldNotify(m, pair[1]); err != nil {
		t.Fatal(err)
	}
	unix.Close(pair[1])
	for range 1000 { // far more than a queue holds
		if _, err := unix.Write(pair[0], []byte("X=1\nSTATUS=one\x07 two")); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(5 * time.Second)
	for k.Status("web") != "one two" {
		if time.Now().After(deadline) {
			t.Fatalf("status is %q", k.Status("web"))
		}
		time.Sleep(time.Millisecond)
	}
	k.mu.Lock()
	k.held["notify-web"].leader = 1 // from now on it is not us who count
	k.mu.Unlock()
	unix.Write(pair[0], []byte("STATUS=forged"))
	time.Sleep(50 * time.Millisecond)
	if got := k.Status("web"); got != "one two" {
		t.Errorf("status is %q", got)
	}
	k.Unlisten()
	if _, err := unix.Write(pair[0], []byte("X=1")); len(k.held) > 0 || k.Status("web") != "" {
		t.Errorf("still listens: %v, %v", k.held, err)
	}
}

func FuzzStatus(f *testing.F) {
	f.Add([]byte("READY=1\nSTATUS=x"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		s, _ := statusOf(msg)
		if len(s) > maxStatus || strings.ToValidUTF8(s, "") != s || strings.ContainsAny(s, "\n\x00\x1b") {
			t.Errorf("%q", s)
		}
	})
}
