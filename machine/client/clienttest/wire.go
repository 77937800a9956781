// SPDX-License-Identifier: Apache-2.0

package clienttest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/godbus/dbus/v5"
)

// peer is the bus's end of one connection.
type peer struct {
	conn    *net.UnixConn
	pending atomic.Int32 // calls that wait for a reply
	mu      sync.Mutex   // held for a write
}

// authenticate accepts everybody (D-Bus specification, "Authentication Protocol").
func (p *peer) authenticate() error {
	answers := map[string]string{
		"AUTH":              "REJECTED EXTERNAL",
		"AUTH EXTERNAL":     "OK 0123456789abcdef0123456789abcdef",
		"NEGOTIATE_UNIX_FD": "AGREE_UNIX_FD",
	}
	for {
		line, err := p.line()
		if err != nil {
			return err
		}
		words := strings.Fields(strings.TrimPrefix(line, "\x00"))
		if len(words) > 0 && words[0] == "BEGIN" {
			return nil
		}
		answer, ok := answers[strings.Join(words[:min(2, len(words))], " ")]
		if !ok {
			answer = "ERROR"
		}
		if _, err := io.WriteString(p.conn, answer+"\r\n"); err != nil {
			return err
		}
	}
}

// line reads byte by byte: what follows BEGIN is no text any more.
func (p *peer) line() (string, error) {
	var text []byte
	one := make([]byte, 1)
	for {
		if _, err := io.ReadFull(p.conn, one); err != nil {
			return "", err
		}
		if one[0] == '\n' {
			return strings.TrimSuffix(string(text), "\r"), nil
		}
		text = append(text, one[0])
	}
}

// receive reads one message with its file descriptors, which come with the
// first byte.
func (p *peer) receive() (*dbus.Message, error) {
	head, control := make([]byte, 16), make([]byte, 4096)
	n, oobn, _, _, err := p.conn.ReadMsgUnix(head, control)
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(p.conn, head[n:]); err != nil {
		return nil, err
	}
	fds, err := rights(control[:oobn])
	if err != nil {
		return nil, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[0] == 'B' {
		order = binary.BigEndian
	}
	fields := (order.Uint32(head[12:]) + 7) &^ 7
	rest := make([]byte, fields+order.Uint32(head[4:]))
	if _, err := io.ReadFull(p.conn, rest); err != nil {
		return nil, err
	}
	return dbus.DecodeMessageWithFDs(bytes.NewReader(append(head, rest...)), fds)
}

func rights(control []byte) ([]int, error) {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil || len(messages) == 0 {
		return nil, err
	}
	return syscall.ParseUnixRights(&messages[0])
}

// send writes a message; a client that went away is no error here.
func (p *peer) send(msg *dbus.Message) {
	var buf bytes.Buffer
	if n, err := msg.CountFds(); err == nil && n > 0 {
		msg.Headers[dbus.FieldUnixFDs] = dbus.MakeVariant(uint32(n))
	}
	fds, err := msg.EncodeToWithFDs(&buf, binary.LittleEndian)
	if err != nil {
		panic(err)
	}
	binary.LittleEndian.PutUint32(buf.Bytes()[8:], 1) // a serial; nobody answers it
	var control []byte
	if len(fds) > 0 {
		control = syscall.UnixRights(fds...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _, _ = p.conn.WriteMsgUnix(buf.Bytes(), control, nil)
}

func message(kind dbus.Type, body []any) *dbus.Message {
	msg := &dbus.Message{Type: kind, Headers: map[dbus.HeaderField]dbus.Variant{}, Body: body}
	if len(body) > 0 {
		msg.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	return msg
}

func response(serial uint32, values []any, err error) *dbus.Message {
	msg := message(dbus.TypeMethodReply, values)
	if err != nil {
		remote := dbus.Error{Name: "org.freedesktop.DBus.Error.Failed", Body: []any{err.Error()}}
		errors.As(err, &remote)
		msg = message(dbus.TypeError, remote.Body)
		msg.Headers[dbus.FieldErrorName] = dbus.MakeVariant(remote.Name)
	}
	msg.Headers[dbus.FieldReplySerial] = dbus.MakeVariant(serial)
	return msg
}

func split(method string) (iface, member string) {
	i := strings.LastIndexByte(method, '.')
	return method[:i], method[i+1:]
}
