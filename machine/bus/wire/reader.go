// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"io"
	"net"

	"golang.org/x/sys/unix"
)

// usual is the room for what is read at once; longer messages get their own.
const usual = 8 << 10

// maxFDs is how many descriptors the kernel sends along at once (SCM_MAX_FD).
const maxFDs = 253

// reader takes messages from a socket.
type reader struct {
	sock *net.UnixConn
	buf  []byte
	have []byte // the part of buf that is not taken yet
	oob  []byte
	fds  []int // came in, in this order, and are not taken yet
}

func newReader(sock *net.UnixConn) reader {
	return reader{sock: sock, buf: make([]byte, usual), oob: make([]byte, unix.CmsgSpace(4*maxFDs))}
}

// next waits for a message.
func (r *reader) next() (*Message, error) {
	if err := r.fill(headSize); err != nil {
		return nil, err
	}
	size, err := sizeOf(r.have)
	if err != nil {
		return nil, err
	}
	if err := r.fill(size); err != nil {
		return nil, err
	}
	m, fds, err := parse(r.have[:size:size])
	if err != nil {
		return nil, err
	}
	r.have = r.have[size:]
	if len(r.have) == 0 && len(r.buf) > usual {
		r.buf, r.have = make([]byte, usual), nil
	}
	// The kernel ends a read where descriptors came along, so they are in the order of the messages.
	if fds > len(r.fds) {
		return nil, errors.New("descriptors of a message are lost")
	}
	m.fds, r.fds = append([]int(nil), r.fds[:fds]...), r.fds[fds:]
	return m, nil
}

// fill reads until that many bytes are there.
func (r *reader) fill(n int) error {
	if len(r.have) >= n {
		return nil
	}
	room := r.buf
	if n > len(room) {
		room = make([]byte, n)
	}
	r.have = room[:copy(room, r.have)]
	r.buf = room
	for len(r.have) < n {
		got, oobn, flags, _, err := r.sock.ReadMsgUnix(r.buf[len(r.have):], r.oob)
		switch {
		case err != nil:
			return err
		case got == 0:
			return io.EOF
		case flags&unix.MSG_CTRUNC != 0:
			return errors.New("too many descriptors at once")
		}
		r.have = r.buf[:len(r.have)+got]
		if err := r.keep(r.oob[:oobn]); err != nil {
			return err
		}
	}
	return nil
}

// keep takes descriptors out of control messages.
func (r *reader) keep(oob []byte) error {
	if len(oob) == 0 {
		return nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return err
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // not of that kind
		}
		r.fds = append(r.fds, fds...)
	}
	return nil
}
