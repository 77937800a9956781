// SPDX-License-Identifier: Apache-2.0

package main

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
	"time"

	"github.com/godbus/dbus/v5"
)

// wire is a connection to the system bus that adds next to nothing to what a
// call costs: a call is written as it was encoded beforehand, and a reply is
// read but not decoded, for a client's decoding would be most of the time.
type wire struct {
	conn   *net.UnixConn
	in     *bufio.Reader
	serial uint32
}

// replyTime is more than any call takes.
const replyTime = time.Minute

func dialBus() (*wire, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Net: "unix", Name: "/run/dbus/system_bus_socket"})
	if err != nil {
		return nil, err
	}
	w := &wire{conn: conn, in: bufio.NewReaderSize(conn, 1<<20)}
	if err := w.greet(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return w, nil
}

// greet authenticates by the credentials of the socket and takes a name (D-Bus
// specification, "Authentication Protocol").
func (w *wire) greet() error {
	uid := hex.EncodeToString([]byte(strconv.Itoa(os.Geteuid())))
	if _, err := fmt.Fprintf(w.conn, "\x00AUTH EXTERNAL %s\r\n", uid); err != nil {
		return err
	}
	if line, err := w.in.ReadString('\n'); err != nil || line[:3] != "OK " {
		return fmt.Errorf("bus says %q: %w", line, err)
	}
	if _, err := io.WriteString(w.conn, "BEGIN\r\n"); err != nil {
		return err
	}
	hello, err := encodeCall("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Hello")
	if err == nil {
		_, err = w.call(hello)
	}
	return err
}

func (w *wire) close() error { return w.conn.Close() }

// encodeCall writes a method call whose serial is still to be filled in.
func encodeCall(destination string, path dbus.ObjectPath, method string, args ...any) ([]byte, error) {
	dot := bytes.LastIndexByte([]byte(method), '.')
	m := &dbus.Message{Type: dbus.TypeMethodCall, Body: args, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldDestination: dbus.MakeVariant(destination), dbus.FieldPath: dbus.MakeVariant(path),
		dbus.FieldInterface: dbus.MakeVariant(method[:dot]), dbus.FieldMember: dbus.MakeVariant(method[dot+1:]),
	}}
	if len(args) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(args...))
	}
	var b bytes.Buffer
	err := m.EncodeTo(&b, binary.LittleEndian)
	return b.Bytes(), err
}

// call sends an encoded call and returns the reply as it came.
func (w *wire) call(encoded []byte) (reply []byte, err error) {
	if err := w.conn.SetDeadline(time.Now().Add(replyTime)); err != nil {
		return nil, err
	}
	w.serial++
	binary.LittleEndian.PutUint32(encoded[8:], w.serial)
	if _, err := w.conn.Write(encoded); err != nil {
		return nil, err
	}
	for {
		m, err := w.read()
		if err != nil {
			return nil, err
		}
		switch dbus.Type(m[1]) {
		case dbus.TypeMethodReply:
			return m, nil
		case dbus.TypeError:
			said, err := dbus.DecodeMessage(bytes.NewReader(m))
			return nil, fmt.Errorf("bus says %v: %w", said, errors.Join(err, errCall))
		}
	}
}

var errCall = errors.New("call failed")

// read reads one message: a head of 16 bytes, the other header fields, the body.
func (w *wire) read() ([]byte, error) {
	head, err := w.in.Peek(16)
	if err != nil {
		return nil, err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[0] == 'B' {
		order = binary.BigEndian
	}
	body, fields := order.Uint32(head[4:]), order.Uint32(head[12:])
	m := make([]byte, 16+(fields+7)&^7+body)
	_, err = io.ReadFull(w.in, m)
	return m, err
}
