// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"bufio"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// writeTimeout is how long a caller may leave a reply unread.
const writeTimeout = 30 * time.Second

// conn is one connection. Its calls are answered one after the other.
type conn struct {
	server *Server
	face   *face
	sock   *net.UnixConn
	peer   peer
	of     *controlSocket // the machine that all calls are about, nil if they name it
	gone   chan struct{}  // closed when no more calls come
	done   chan struct{}  // closed when no more are answered
}

// incoming is a call as it came, or why there will be no more.
type incoming struct {
	message
	err error
}

func (c *conn) serve() {
	defer c.sock.Close()
	defer close(c.done)
	calls := make(chan incoming)
	go c.read(calls)
	for in := range calls {
		if in.err != nil {
			_ = c.write(appendError(nil, "io.systemd.Protocol", nil), nil)
			return
		}
		if err := c.server.answer(c, in.message); err != nil {
			return
		}
	}
}

// read takes calls from the socket, one ahead of the one that is answered.
// Descriptors that come along are dropped by the kernel, as there is no room
// for them in a plain read.
func (c *conn) read(calls chan<- incoming) {
	defer close(calls)
	defer close(c.gone)
	r := bufio.NewReader(c.sock)
	for {
		frame, err := readFrame(r)
		if err != nil && err != errTooLong {
			return
		}
		in := incoming{err: err}
		if err == nil {
			in.message, in.err = parseMessage(frame)
		}
		select {
		case calls <- in:
		case <-c.done:
			return
		}
		if in.err != nil {
			return
		}
	}
}

// write sends bytes, the descriptors with the first of them.
func (c *conn) write(b []byte, fds []int) error {
	if err := c.sock.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if len(fds) > 0 {
		n, _, err := c.sock.WriteMsgUnix(b, unix.UnixRights(fds...), nil)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	for len(b) > 0 {
		n, err := c.sock.Write(b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
