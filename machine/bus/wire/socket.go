// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socket is a connected socket, on which whoever reads waits in the kernel. It
// is one for the whole daemon, and a thread of its own hears a message sooner
// than the run-time's poller, which wakes two of them for each.
type socket struct {
	file *os.File // not the poller's: its descriptor blocks
	raw  syscall.RawConn
}

// socketOf takes a connected descriptor over.
func socketOf(fd int) (*socket, error) {
	err := unix.SetNonblock(fd, false)
	file := os.NewFile(uintptr(fd), "bus")
	s := &socket{file: file}
	if err == nil {
		s.raw, err = file.SyscallConn()
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return s, nil
}

func dial(path string) (*socket, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return socketOf(fd)
}

// limit bounds what one read or write may take from now on; 0 is no bound.
func (s *socket) limit(d time.Duration) error {
	timeval := unix.NsecToTimeval(d.Nanoseconds())
	return s.control(func(fd int) error {
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeval); err != nil {
			return err
		}
		return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeval)
	})
}

// Close ends the connection; a read under way fails.
func (s *socket) Close() error {
	_ = s.control(func(fd int) error { return unix.Shutdown(fd, unix.SHUT_RDWR) })
	return s.file.Close()
}

// Read implements io.Reader.
func (s *socket) Read(b []byte) (int, error) {
	n, _, _, err := s.receive(b, nil)
	return n, err
}

// receive reads bytes, and control messages that come along.
func (s *socket) receive(b, oob []byte) (n, oobn, flags int, err error) {
	failed := s.raw.Read(func(fd uintptr) bool {
		err = again(func() (err error) {
			n, oobn, flags, _, err = unix.Recvmsg(int(fd), b, oob, unix.MSG_CMSG_CLOEXEC)
			return err
		})
		return true
	})
	switch {
	case failed != nil:
		return 0, 0, 0, failed
	case err == nil && n == 0 && len(b) > 0:
		err = io.EOF
	}
	return n, oobn, flags, err
}

// Write implements io.Writer.
func (s *socket) Write(b []byte) (int, error) {
	if err := s.send([][]byte{b}, nil); err != nil {
		return 0, err
	}
	return len(b), nil
}

// send writes all of the parts, the descriptors with the first byte.
func (s *socket) send(parts [][]byte, fds []int) (err error) {
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	failed := s.raw.Write(func(fd uintptr) bool {
		for err == nil && len(parts) > 0 {
			var n int
			err = again(func() (err error) {
				n, err = unix.SendmsgBuffers(int(fd), parts, oob, nil, unix.MSG_NOSIGNAL)
				return err
			})
			for oob = nil; len(parts) > 0 && n >= len(parts[0]); parts = parts[1:] {
				n -= len(parts[0])
			}
			if len(parts) > 0 {
				parts[0] = parts[0][n:]
			}
		}
		return true
	})
	if failed != nil {
		return failed
	}
	return err
}

// again makes a system call until no signal interrupts it. That the limit has
// passed is os.ErrDeadlineExceeded.
func again(call func() error) error {
	for {
		switch err := call(); err {
		case unix.EINTR:
		case unix.EAGAIN:
			return os.ErrDeadlineExceeded
		default:
			return err
		}
	}
}

func (s *socket) control(do func(fd int) error) (err error) {
	if failed := s.raw.Control(func(fd uintptr) { err = do(int(fd)) }); failed != nil {
		return failed
	}
	return err
}
