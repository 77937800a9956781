// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// Message is a message that came in. Header fields that it does not have are
// empty.
type Message struct {
	Type                         dbus.Type
	Flags                        dbus.Flags
	Serial, ReplySerial          uint32
	Path                         dbus.ObjectPath
	Interface, Member            string
	Sender, Signature, errorName string
	Unicast                      bool // it was sent to us alone; match rules let through only what goes to all

	fds []int
	raw []byte
}

// Close closes the descriptors that came with it.
func (m *Message) Close() {
	for _, fd := range m.fds {
		_ = unix.Close(fd)
	}
	m.fds = nil
}

// Keep makes the message good beyond the next Read.
func (m *Message) Keep() { m.raw = bytes.Clone(m.raw) }

// Args decodes the body. Descriptors in it are the message's.
func (m *Message) Args() ([]any, error) {
	if args, ok := m.plain(); ok {
		return args, nil
	}
	whole, err := dbus.DecodeMessageWithFDs(bytes.NewReader(m.raw), m.fds)
	if err != nil {
		return nil, err
	}
	return whole.Body, nil
}

// plain decodes a body of strings and numbers, which most calls have; ok is
// false for any other.
func (m *Message) plain() (args []any, ok bool) {
	order := orderOf(m.raw)
	size := headSize + align(int(order.Uint32(m.raw[atFields:])), 8)
	f := fields{m.raw[size:], 0, order}
	for i := range len(m.Signature) {
		var v any
		switch m.Signature[i] {
		case 's':
			var text string
			text, ok = f.str()
			v, ok = text, ok && valid(text)
		case 'u':
			v, ok = f.uint()
		default:
			return nil, false
		}
		if !ok {
			return nil, false
		}
		args = append(args, v)
	}
	return args, f.at == len(f.text)
}

// The fixed part of a header: byte order, type, flags, version, then three
// numbers (D-Bus specification, "Message Format").
const (
	atBody   = 4  // length of the body
	atSerial = 8  // what a reply refers to
	atFields = 12 // length of the other header fields
	headSize = 16
)

// maxMessage is the specification's.
const maxMessage = 128 << 20

var errMalformed = errors.New("malformed message")

// sizeOf is the length of the message that begins with head.
func sizeOf(head []byte) (int, error) {
	order := orderOf(head)
	fields, body := order.Uint32(head[atFields:]), order.Uint32(head[atBody:])
	if fields > maxMessage || body > maxMessage {
		return 0, errMalformed
	}
	return headSize + align(int(fields), 8) + int(body), nil
}

func orderOf(head []byte) binary.ByteOrder {
	if head[0] == 'B' {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

func align(n, to int) int { return (n + to - 1) &^ (to - 1) }

// parse reads the header of a whole message, and how many descriptors belong
// to it.
func parse(raw []byte) (m *Message, fds int, err error) {
	order := orderOf(raw)
	m = &Message{Type: dbus.Type(raw[1]), Flags: dbus.Flags(raw[2]), Serial: order.Uint32(raw[atSerial:]), raw: raw}
	f := fields{raw[:headSize+int(order.Uint32(raw[atFields:]))], headSize, order}
	for f.at < len(f.text) {
		if fds, err = m.field(&f, fds); err != nil {
			return nil, 0, err
		}
	}
	return m, fds, nil
}

// field reads one header field. Those that nobody knows are skipped, as the
// specification has it; a bus may let them through.
func (m *Message) field(f *fields, fds int) (int, error) {
	code, kind, ok := f.key()
	var text string
	var number uint32
	switch {
	case !ok:
	case kind == "s", kind == "o":
		text, ok = f.str()
	case kind == "g":
		text, ok = f.signature()
	case kind == "u":
		number, ok = f.uint()
	default:
		code = 0
		ok = f.skip(kind, 0)
	}
	if !ok {
		return 0, errMalformed
	}
	m.set(code, text, number)
	if code == dbus.FieldUnixFDs {
		fds = int(number)
	}
	return fds, nil
}

func (m *Message) set(code dbus.HeaderField, text string, number uint32) {
	switch code {
	case dbus.FieldPath:
		m.Path = dbus.ObjectPath(text)
	case dbus.FieldInterface:
		m.Interface = text
	case dbus.FieldMember:
		m.Member = text
	case dbus.FieldErrorName:
		m.errorName = text
	case dbus.FieldReplySerial:
		m.ReplySerial = number
	case dbus.FieldSender:
		m.Sender = text
	case dbus.FieldDestination:
		m.Unicast = true
	case dbus.FieldSignature:
		m.Signature = text
	}
}

// replyHead is the header of a reply, with its padding and without a serial.
func replyHead(to *Message, signature string, body int) []byte {
	b := Encoder{'l', byte(dbus.TypeMethodReply), byte(dbus.FlagNoReplyExpected), 1}
	b.Uint32(uint32(body))
	b.Uint32(0)
	b.Uint32(0)
	b.field(dbus.FieldReplySerial, 'u')
	b.Uint32(to.Serial)
	if to.Sender != "" {
		b.field(dbus.FieldDestination, 's')
		b.Str(to.Sender)
	}
	if signature != "" {
		b.field(dbus.FieldSignature, 'g')
		b.Signature(signature)
	}
	binary.LittleEndian.PutUint32(b[atFields:], uint32(len(b)-headSize))
	b.Align(8)
	return b
}
