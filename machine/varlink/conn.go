// SPDX-License-Identifier: Apache-2.0

package varlink

import "bufio"

// conn is one connection. Its calls are answered one after the other, on one
// goroutine: to hand them to another one costs more than most of the answers.
type conn struct {
	server *Server
	face   *face
	sock   *stream
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
	c.in = bufio.NewReader(c.sock)
	for {
		in := c.next()
		switch in.err {
		case nil:
		case errTooLong, errMalformed:
			_ = c.sock.write(appendError(nil, "io.systemd.Protocol", nil), nil)
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

// read takes a call from the socket.
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
	c.sock.leave() // or it could be closed under who reads
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
