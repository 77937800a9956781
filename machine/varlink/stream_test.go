// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func connected(t *testing.T) (ours *stream, theirs int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &stream{fd: pair[0]}, pair[1]
}

// A caller may take his time, once and again; what he is told gets to him all the same, and so does his end to us.
func TestStreamIsPatient(t *testing.T) {
	s, theirs := connected(t)
	defer s.close()
	buf := make([]byte, 16)
	for _, pause := range []time.Duration{0, 2 * patience, 0, 3 * patience} {
		time.AfterFunc(pause, func() { _, _ = unix.Write(theirs, []byte("call")) })
		n, err := s.Read(buf)
		if err != nil || string(buf[:n]) != "call" {
			t.Fatalf("after %v: read %q, %v", pause, buf[:n], err)
		}
		if err := s.write([]byte("reply"), nil); err != nil {
			t.Fatal(err)
		}
		if n, err := unix.Read(theirs, buf); err != nil || string(buf[:n]) != "reply" {
			t.Fatalf("after %v: he read %q, %v", pause, buf[:n], err)
		}
	}
	if s.quiet == nil {
		t.Error("a thread waits for good")
	}
	_ = unix.Close(theirs)
	if _, err := s.Read(buf); err != io.EOF {
		t.Errorf("at his end: %v", err)
	}
}

// Whoever waits is woken by the end of the machine whose socket it is, and by a close, whether a thread of its own waits or the poller.
func TestStreamEnds(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		s, theirs := connected(t)
		if quiet {
			s.leave()
		}
		time.AfterFunc(patience/4, s.end)
		if _, err := s.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("quiet %v: %v", quiet, err)
		}
		s.close()
		s.end() // it must not shut down what has its number now
		_ = unix.Close(theirs)
	}
	s, theirs := connected(t)
	defer unix.Close(theirs)
	s.leave()
	time.AfterFunc(patience/4, s.close)
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

// A reply waits for who does not read, until he is gone.
func TestStreamWriteWaits(t *testing.T) {
	s, theirs := connected(t)
	defer unix.Close(theirs)
	defer s.close()
	_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<10)
	done := make(chan error)
	go func() { done <- s.write(make([]byte, 8<<20), nil) }()
	select {
	case err := <-done:
		t.Errorf("it is written: %v", err)
	case <-time.After(5 * patience):
	}
	_ = unix.Shutdown(theirs, unix.SHUT_RDWR)
	if err := <-done; !errors.Is(err, unix.EPIPE) {
		t.Errorf("at his end: %v", err)
	}
}
