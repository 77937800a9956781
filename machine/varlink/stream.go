// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a thread of its own waits for the next bytes of a
// caller.
const patience = 20 * time.Millisecond

// stream is a connected socket. Who calls mostly calls again at once, and a
// thread that waits in the kernel answers sooner than the run-time's poller,
// which wakes two of them for each call; who does not is left to the poller,
// where waiting takes no thread.
type stream struct {
	fd    int
	quiet *os.File // the same descriptor, once the poller has it

	mu     sync.Mutex
	closed bool
}

// accept takes the next connection of a listening socket.
func accept(listener syscall.RawConn) (fd int, err error) {
	failed := listener.Read(func(at uintptr) bool {
		fd, err = acceptNow(int(at))
		return err != unix.EAGAIN
	})
	if failed != nil {
		err = failed
	}
	return fd, err
}

// acceptNow is accept of one that is waiting, or EAGAIN.
func acceptNow(listener int) (int, error) {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err != unix.EINTR && err != unix.ECONNABORTED {
			return fd, err
		}
	}
}

// Read implements io.Reader. Descriptors that come along are dropped by the
// kernel, as there is no room for them in a plain read.
func (s *stream) Read(b []byte) (int, error) {
	if s.quiet == nil && !s.ready(unix.POLLIN, patience) {
		s.leave()
	}
	if s.quiet != nil {
		return s.quiet.Read(b)
	}
	for {
		n, err := unix.Read(s.fd, b)
		switch {
		case err == unix.EAGAIN: // a poll may be wrong
			s.leave()
			return s.quiet.Read(b)
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// leave leaves waiting to the poller for good.
func (s *stream) leave() {
	if s.quiet == nil {
		s.quiet = os.NewFile(uintptr(s.fd), "varlink")
	}
}

// ready tells whether something happens to the socket within some time.
func (s *stream) ready(events int16, within time.Duration) bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: events}}, int(within.Milliseconds())+1)
		if err != unix.EINTR {
			return n > 0 || err != nil
		}
	}
}

// writeTimeout is how long a caller may leave a reply unread.
const writeTimeout = 30 * time.Second

// write sends bytes, the descriptors with the first of them.
func (s *stream) write(b []byte, fds []int) error {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	var deadline time.Time
	for len(b) > 0 {
		n, err := unix.SendmsgN(s.fd, b, rights, nil, unix.MSG_NOSIGNAL)
		switch {
		case err == nil:
			b, rights = b[n:], nil
		case err == unix.EINTR:
		case err != unix.EAGAIN:
			return err
		case deadline.IsZero():
			deadline = time.Now().Add(writeTimeout)
			fallthrough
		default:
			if left := time.Until(deadline); left <= 0 || !s.ready(unix.POLLOUT, left) {
				return os.ErrDeadlineExceeded
			}
		}
	}
	return nil
}

// end has the reader find the end of what the caller says.
func (s *stream) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		_ = unix.Shutdown(s.fd, unix.SHUT_RD)
	}
}

func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.quiet != nil {
		s.quiet.Close()
		return
	}
	_ = unix.Close(s.fd)
}
