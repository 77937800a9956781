// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// message is a signal with a body of that signature.
func message(signature string, body []byte) []byte {
	sig, err := dbus.ParseSignature(signature)
	if err != nil {
		return nil
	}
	m := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/")), dbus.FieldInterface: dbus.MakeVariant("a.b"),
		dbus.FieldMember: dbus.MakeVariant("C"), dbus.FieldSignature: dbus.MakeVariant(sig),
	}}
	var b bytes.Buffer
	if m.EncodeTo(&b, binary.LittleEndian) != nil {
		return nil
	}
	wire := b.Bytes()
	binary.LittleEndian.PutUint32(wire[4:], uint32(len(body)))
	return append(wire, body...)
}

// What is let through can be read to its end: the fuzzer takes what lasts too
// long for a finding.
func FuzzEndless(f *testing.F) {
	f.Add("a()", []byte("\x08\x00\x00\x00\x00\x00\x00\x00"))
	f.Add("v", []byte("\x03a()\x00\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00"))
	f.Add("v", []byte("\x01v\x00\x06a(()v)\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00"))
	f.Add("v", []byte("\x03a()\xfa\xff\xff\xff\a\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add("s", []byte("\x07\x00\x00\x00call a()\x00"))
	f.Add("aay", []byte("\x08\x00\x00\x00\x04\x00\x00\x00abcd"))
	f.Fuzz(func(t *testing.T, signature string, body []byte) {
		wire := message(signature, body)
		if wire == nil || strings.Contains(signature, "()") != endless(message(signature, nil)) {
			if wire != nil {
				t.Errorf("signature %q: %v", signature, endless(message(signature, nil)))
			}
			return
		}
		if !endless(wire) {
			_, _ = dbus.DecodeMessage(bytes.NewReader(wire))
		}
	})
}

func TestEndless(t *testing.T) {
	for text, want := range map[string]bool{
		"\x03a()\x00": true, "x\x06a(()s)\x00": true, "call a()\x00": false, "\x03a(s\x00": false, "\x03a()": true, "\x03a()\xfa": true, "\x04a()": false, "a()\x00": false, "": false,
	} {
		if got := endless([]byte(text)); got != want {
			t.Errorf("endless(%q) = %v", text, got)
		}
	}
}

// hostileBus answers the first calls as a bus does, then sends what it is given,
// in pieces of so many bytes.
func hostileBus(t *testing.T, path string, then []byte, piece int) {
	l, err := net.Listen("unix", path)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		r := bufio.NewReader(c)
		for {
			line, err := r.ReadString('\n')
			switch {
			case err != nil:
				return
			case strings.Contains(line, "AUTH EXTERNAL"):
				c.Write([]byte("OK 0123456789abcdef0123456789abcdef\r\n"))
			case strings.Contains(line, "AUTH"):
				c.Write([]byte("REJECTED EXTERNAL\r\n"))
			case strings.Contains(line, "NEGOTIATE"):
				c.Write([]byte("AGREE_UNIX_FD\r\n"))
			case strings.Contains(line, "BEGIN"):
				for b := then; len(b) > 0; b = b[min(piece, len(b)):] {
					c.Write(b[:min(piece, len(b))])
				}
				_, _ = r.ReadString(0)
				_, _ = r.Discard(1 << 20)
				return
			}
		}
	}()
}

// A machine that sends what godbus cannot read is hung up on.
func TestBusOfAHostileMachine(t *testing.T) {
	for _, piece := range []int{1, 100, 1 << 20} {
		dir := t.TempDir()
		must(t, os.MkdirAll(filepath.Join(dir, "run/dbus"), 0o755))
		hostileBus(t, filepath.Join(dir, busSocket), message("a()", []byte("\x08\x00\x00\x00\x00\x00\x00\x00")), piece)
		g := guestIn(t, dir)
		late := time.AfterFunc(10*time.Second, func() { panic("the message is read without end") })
		if conn, err := g.Bus(t.Context()); err == nil {
			conn.Close()
			t.Error("it passes for a bus")
		}
		late.Stop()
	}
}
