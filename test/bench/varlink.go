// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/unix"
)

// listSocket is where systemd 257 and newer can be asked for machines; older
// ones are not measured.
const listSocket = "/run/systemd/machine/io.systemd.Machine"

// listCall is the call for the whole list, one reply a machine.
const listCall = `{"method":"io.systemd.Machine.List","more":true}` + "\x00"

// measureVarlink times the call for the whole list, up to the last reply.
func (r registry) measureVarlink(n int, s sample) error {
	conn, err := dialBlocking(listSocket)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 1<<20)
	if err := askList(conn, in, n); err != nil {
		return err
	}
	us, err := medianOf(func() error { return askList(conn, in, n) })
	s[keyOf("List", n)] = us
	return err
}

// blocking is a socket of a caller who waits in the kernel, as varlinkctl and
// machinectl do, and whose run-time does not know that he does. Go's poller
// would wake another thread for each reply, and its scheduler hand the
// processor on; that takes longer than the call, and as it comes.
type blocking int

func dialBlocking(path string) (blocking, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return blocking(fd), nil
}

func (b blocking) Read(p []byte) (int, error)  { return b.call(unix.SYS_READ, p) }
func (b blocking) Write(p []byte) (int, error) { return b.call(unix.SYS_WRITE, p) }
func (b blocking) Close() error                { return unix.Close(int(b)) }

func (b blocking) call(number uintptr, p []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(number, uintptr(b), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return 0, errno
		case n == 0:
			return 0, io.EOF
		default:
			return int(n), nil
		}
	}
}

func askList(conn io.Writer, in *bufio.Reader, n int) error {
	if _, err := conn.Write([]byte(listCall)); err != nil {
		return err
	}
	for replies := 1; ; replies++ {
		reply, err := in.ReadSlice(0)
		if err != nil {
			return err
		}
		if bytes.Contains(reply, []byte(`"continues":true`)) {
			continue
		}
		if replies != n+1 { // and the host
			return fmt.Errorf("varlink list: %d replies, want %d; the last is %s", replies, n+1, reply)
		}
		return nil
	}
}
