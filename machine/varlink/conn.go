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

// conn is one connection. Its calls are answered one after the other, on one
// goroutine: to hand them to another one costs more than most of the answers.
type conn struct {
	server *Server
	face   *face
	sock   *net.UnixConn
	in     *bufio.Reader
	peer   peer
	of     *controlSocket // the machine that all calls are about, nil if they name it
	ahead  chan incoming  // what is read while a call is answered, nil if nothing is
}

// incoming is a call as it came, or why there will be no more.
type incoming struct {
	message
	err error
}

func (c *conn) serve() {
	defer c.sock.Close()
	c.in = bufio.NewReader(c.sock)
	for {
		in := c.next()
		switch in.err {
		case nil:
		case errTooLong, errMalformed:
			_ = c.write(appendError(nil, "io.systemd.Protocol", nil), nil)
			return
		default:
			return
		}
		if err := c.server.answer(c, in.message); err != nil {
			return
		}
	}
}

func (c *conn) next() incoming {
	if ahead := c.ahead; ahead != nil {
		c.ahead = nil
		return <-ahead
	}
	return c.read()
}

// read takes a call from the socket. Descriptors that come along are dropped by
// the kernel, as there is no room for them in a plain read.
func (c *conn) read() (in incoming) {
	var frame []byte
	if frame, in.err = readFrame(c.in); in.err == nil {
		in.message, in.err = parseMessage(frame)
	}
	return in
}

// gone reads ahead of the call that is answered, so that the caller's end is
// seen: the channel is closed once no more calls come.
func (c *conn) gone() <-chan struct{} {
	ahead, gone := make(chan incoming, 1), make(chan struct{})
	c.ahead = ahead
	go func() {
		in := c.read()
		if in.err != nil {
			close(gone)
		}
		ahead <- in
	}()
	return gone
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
