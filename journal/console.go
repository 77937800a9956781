// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// perTurn is how much one console is read before others have their turn.
	perTurn = 64 << 10
	// maxDatagram is how much goes to journald at once.
	maxDatagram = 32 << 10
	// lineRate is how many lines a second a machine may write, lineBurst how
	// many at once. journald's own limit is per sender, and that is us: one
	// machine must not silence the others.
	lineRate, lineBurst = 500, 5000
)

// buffers are shared by all consoles: only one that has something to say needs
// one, and gives it back.
type buffers struct{ in, out []byte }

// Pool makes consoles that share buffers and a writer.
type Pool struct {
	w    *Writer
	free sync.Pool
	now  func() time.Time
}

// NewPool makes a pool.
func NewPool(w *Writer) *Pool {
	p := &Pool{w: w, now: time.Now}
	p.free.New = func() any { return &buffers{in: make([]byte, 16<<10)} }
	return p
}

// Source says whose console it is.
type Source struct {
	Machine string
	Units   []string // whose entries these shall be, as by OBJECT_SYSTEMD_UNIT=
}

// Console is the reading end of one machine's console.
type Console struct {
	pool *Pool
	fd   int

	mu      sync.Mutex
	prefix  []byte // the fields that are the same in each entry
	lines   lines
	tokens  float64
	last    time.Time
	dropped int
}

// Open makes a console of a PTY master, which must not block and is not closed
// by the console.
func (p *Pool) Open(fd int, s Source) *Console {
	var b bytes.Buffer
	field(&b, "PRIORITY", "6")
	field(&b, "SYSLOG_IDENTIFIER", s.Machine)
	field(&b, "MACHINE", s.Machine)
	for _, u := range s.Units {
		field(&b, "OBJECT_SYSTEMD_UNIT", u)
	}
	return &Console{pool: p, fd: fd, prefix: b.Bytes(), tokens: lineBurst, last: p.now()}
}

// field writes a one-line field. Names of machines and units have no newline.
func field(b *bytes.Buffer, key, value string) {
	fmt.Fprintf(b, "%s=%s\n", key, strings.ReplaceAll(value, "\n", " "))
}

// Drain reads what there is and writes its lines to the journal. It tells
// whether there may be more: then it wants to be called again, in its turn.
// When nothing holds the other end open (EIO), that is no end: somebody inside
// may open it again.
func (c *Console) Drain() (more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.pool.free.Get().(*buffers)
	defer c.pool.free.Put(b)
	b.out = b.out[:0]
	for total := 0; total < perTurn; {
		n, err := unix.Read(c.fd, b.in)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 {
			c.send(b)
			return false
		}
		total += n
		c.lines.add(b.in[:n], func(line []byte) { c.entry(b, line) })
	}
	c.send(b)
	return true
}

// Finish drains what is left and ends the last line. Nothing is read after it.
func (c *Console) Finish() {
	for turns := 0; turns < 16 && c.Drain(); turns++ {
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.pool.free.Get().(*buffers)
	defer c.pool.free.Put(b)
	b.out = b.out[:0]
	c.lines.flush(func(line []byte) { c.entry(b, line) })
	c.send(b)
	c.fd = -1 // a call of Drain that is late must not read another file
}

// entry appends one entry to the datagram, or counts it as dropped.
func (c *Console) entry(b *buffers, line []byte) {
	if !c.allow() {
		c.dropped++
		return
	}
	if c.dropped > 0 {
		n := c.dropped
		c.dropped = 0
		c.append(b, []byte(fmt.Sprintf("(%d lines of console output were dropped: more than %d a second)", n, lineRate)))
	}
	c.append(b, line)
}

func (c *Console) append(b *buffers, line []byte) {
	if len(b.out) > 0 {
		b.out = append(b.out, '\n') // an empty line separates entries
	}
	b.out = append(b.out, c.prefix...)
	b.out = append(b.out, "MESSAGE="...)
	b.out = append(b.out, bytes.ToValidUTF8(line, []byte("\uFFFD"))...)
	b.out = append(b.out, '\n')
	if len(b.out) >= maxDatagram {
		c.send(b)
	}
}

func (c *Console) send(b *buffers) {
	if len(b.out) == 0 {
		return
	}
	if c.pool.w.write(b.out) != nil {
		c.dropped += bytes.Count(b.out, []byte("\nMESSAGE="))
	}
	b.out = b.out[:0]
}

// allow is a token bucket.
func (c *Console) allow() bool {
	now := c.pool.now()
	c.tokens = min(lineBurst, c.tokens+now.Sub(c.last).Seconds()*lineRate)
	c.last = now
	if c.tokens < 1 {
		return false
	}
	c.tokens--
	return true
}
