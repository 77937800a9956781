// SPDX-License-Identifier: Apache-2.0

// Package wire is a service's connection to a D-Bus message bus: calls come
// in, replies and signals go out.
//
// It stands beside godbus, which speaks for clients, because it costs a
// service less: a message is read and written in one system call each, its
// header is neither decoded nor encoded by reflection, and a body that many
// ask for can be encoded once. Values are still godbus's, and so is the
// encoding of whatever is not asked for all the time.
package wire

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// SystemBus is where the bus listens if the environment does not say so.
const SystemBus = "/run/dbus/system_bus_socket"

// Conn is a connection with a unique name. Send is safe for concurrent use,
// everything else is for one goroutine.
type Conn struct {
	sock    *net.UnixConn
	in      reader
	backlog []*Message // came while we waited for a reply

	mu     sync.Mutex // of writing
	serial uint32
}

// Dial connects to the bus that listens at a path, and says hello.
func Dial(path string) (*Conn, error) {
	sock, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	c := &Conn{sock: sock, in: newReader(sock)}
	if err = c.authenticate(); err == nil {
		_, err = c.call("Hello")
	}
	if err != nil {
		sock.Close()
		return nil, fmt.Errorf("greet the bus at %q: %w", path, err)
	}
	return c, nil
}

// SystemPath is the socket of the system bus. Addresses other than a path are
// for tests of other things than this.
func SystemPath() string {
	if path, ok := strings.CutPrefix(os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"), "unix:path="); ok {
		path, _, _ = strings.Cut(path, ",")
		return path
	}
	return SystemBus
}

// Close ends the connection; a Read under way fails.
func (c *Conn) Close() error { return c.sock.Close() }

// greetTime bounds what the bus may take to answer what is asked at the start.
const greetTime = 25 * time.Second

// authenticate says who we are by the credentials of the socket, and asks for
// file descriptors (D-Bus specification, "Authentication Protocol"). The bus
// sends nothing beyond its lines until it is said hello to.
func (c *Conn) authenticate() error {
	if err := c.sock.SetDeadline(time.Now().Add(greetTime)); err != nil {
		return err
	}
	uid := hex.EncodeToString([]byte(strconv.Itoa(os.Geteuid())))
	if _, err := fmt.Fprintf(c.sock, "\x00AUTH EXTERNAL %s\r\nNEGOTIATE_UNIX_FD\r\n", uid); err != nil {
		return err
	}
	lines := bufio.NewReader(c.sock)
	for _, want := range []string{"OK ", "AGREE_UNIX_FD"} {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(line, want) {
			return fmt.Errorf("authenticate: it says %q", line)
		}
	}
	if _, err := io.WriteString(c.sock, "BEGIN\r\n"); err != nil {
		return err
	}
	return c.sock.SetDeadline(time.Time{})
}

// RequestName asks for a well-known name and does not queue for it.
func (c *Conn) RequestName(name string) (dbus.RequestNameReply, error) {
	body, err := c.call("RequestName", name, uint32(dbus.NameFlagDoNotQueue))
	if err != nil {
		return 0, err
	}
	code, _ := body[0].(uint32)
	return dbus.RequestNameReply(code), nil
}

// AddMatch asks for the signals that fit a rule (D-Bus specification, "Match
// Rules").
func (c *Conn) AddMatch(rule string) error {
	_, err := c.call("AddMatch", rule)
	return err
}

// call calls a method of the bus itself and waits.
func (c *Conn) call(method string, args ...any) ([]any, error) {
	if err := c.sock.SetReadDeadline(time.Now().Add(greetTime)); err != nil {
		return nil, err
	}
	const bus = "org.freedesktop.DBus"
	m := &dbus.Message{Type: dbus.TypeMethodCall, Body: args, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldDestination: dbus.MakeVariant(bus), dbus.FieldInterface: dbus.MakeVariant(bus),
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/org/freedesktop/DBus")), dbus.FieldMember: dbus.MakeVariant(method),
	}}
	if len(args) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(args...))
	}
	serial, err := c.send(m)
	if err != nil {
		return nil, err
	}
	for {
		r, err := c.in.next()
		if err != nil {
			return nil, err
		}
		if r.ReplySerial != serial {
			r.Keep()
			c.backlog = append(c.backlog, r)
			continue
		}
		body, err := r.Args()
		if err == nil && r.Type == dbus.TypeError {
			err = fmt.Errorf("%s: %s: %v", method, r.errorName, body)
		}
		return body, errors.Join(err, c.sock.SetReadDeadline(time.Time{}))
	}
}

// Read waits for the next message, of whatever type, which is good until the
// next Read. The caller closes it.
func (c *Conn) Read() (*Message, error) {
	if len(c.backlog) > 0 {
		m := c.backlog[0]
		c.backlog = c.backlog[1:]
		return m, nil
	}
	return c.in.next()
}

// Send encodes and sends any message. Descriptors in its body stay the
// caller's.
func (c *Conn) Send(m *dbus.Message) error {
	_, err := c.send(m)
	return err
}

func (c *Conn) send(m *dbus.Message) (serial uint32, err error) {
	fds, err := m.CountFds()
	if err != nil {
		return 0, err
	}
	if fds > 0 {
		m.Headers[dbus.FieldUnixFDs] = dbus.MakeVariant(uint32(fds))
	}
	var b bytes.Buffer
	files, err := m.EncodeToWithFDs(&b, binary.LittleEndian)
	if err != nil {
		return 0, err
	}
	return c.write(b.Bytes(), nil, files)
}

// Reply answers a call with a body that is encoded already, in little endian
// and for the beginning of a message.
func (c *Conn) Reply(to *Message, signature string, body []byte) error {
	_, err := c.write(replyHead(to, signature, len(body)), body, nil)
	return err
}

// write gives the message its serial, which is the same place in all, and
// sends it in one piece.
func (c *Conn) write(head, body []byte, fds []int) (serial uint32, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial++
	if c.serial == 0 {
		c.serial++ // 0 is none
	}
	binary.LittleEndian.PutUint32(head[8:], c.serial)
	if len(fds) > 0 {
		n, _, err := c.sock.WriteMsgUnix(head, unix.UnixRights(fds...), nil)
		if err != nil {
			return 0, err
		}
		head = head[n:]
	}
	parts := net.Buffers{head, body}
	_, err = parts.WriteTo(c.sock)
	return c.serial, err
}
