// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"machined-go/machine"
)

// asVariant decodes a body of one value as the bus would bring it; ok is false
// for what a bus would not let through, as structs of nothing, which it knows
// for invalid and godbus for endless.
func asVariant(signature string, body []byte) (v dbus.Variant, ok bool) {
	sig, err := dbus.ParseSignature(signature)
	if err != nil || signature == "" || strings.Contains(signature, "()") || bytes.Contains(body, []byte("()")) {
		return v, false
	}
	m := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/")), dbus.FieldInterface: dbus.MakeVariant("a.b"),
		dbus.FieldMember: dbus.MakeVariant("C"), dbus.FieldSignature: dbus.MakeVariant(sig),
	}}
	var head bytes.Buffer
	if m.EncodeTo(&head, binary.LittleEndian) != nil {
		return v, false
	}
	wire := head.Bytes()
	binary.LittleEndian.PutUint32(wire[4:], uint32(len(body)))
	got, err := dbus.DecodeMessage(bytes.NewReader(append(wire, body...)))
	if err != nil || len(got.Body) != 1 {
		return v, false
	}
	return dbus.MakeVariantWithSignature(got.Body[0], sig), true
}

// A machine property that is taken is of the type that machine1 says, whatever
// a caller sent under its name.
func FuzzProperties(f *testing.F) {
	types := map[string]string{
		"Id": "ay", "Service": "s", "Class": "s", "LeaderPID": "u", "LeaderPIDFDID": "t", "RootDirectory": "s",
		"NetworkInterfaces": "ai", "VSockCID": "u", "SSHAddress": "s", "SSHPrivateKeyPath": "s",
	}
	f.Add("s", []byte("\x03\x00\x00\x00deb\x00"))
	f.Add("ay", []byte("\x02\x00\x00\x00ab"))
	f.Add("ai", []byte("\x04\x00\x00\x00\x01\x00\x00\x00"))
	f.Add("u", []byte("\x01\x00\x00\x00"))
	f.Add("t", []byte("\x01\x00\x00\x00\x00\x00\x00\x00"))
	f.Add("v", []byte("\x01s\x00\x00\x03\x00\x00\x00deb\x00"))
	f.Add("a{sv}", []byte("\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add("(s)", []byte("\x01\x00\x00\x00a\x00"))
	f.Fuzz(func(t *testing.T, signature string, body []byte) {
		v, ok := asVariant(signature, body)
		if !ok {
			return
		}
		for key, want := range types {
			if key == "LeaderPID" {
				continue // it opens the process
			}
			var r machine.Registration
			if err := new(call).readProps(&r, map[string]dbus.Variant{key: v}, nil); err == nil && signature != want {
				t.Errorf("%s of type %q is taken: %+v", key, signature, r)
			}
		}
	})
}

// What a caller wants of a scope goes on to systemd as it came: of the same
// type, in the same bytes.
func FuzzResend(f *testing.F) {
	f.Add("a(st)", []byte("\x18\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00/dev\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00"))
	f.Add("(sv)", []byte("\x01\x00\x00\x00a\x00\x01y\x00\x07"))
	f.Add("v", []byte("\x04(yy)\x00\x00\x00\x01\x02"))
	f.Add("as", []byte("\x06\x00\x00\x00\x01\x00\x00\x00a\x00"))
	f.Add("ab", []byte("\x04\x00\x00\x00\x01\x00\x00\x00"))
	f.Add("a{sv}", []byte("\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, signature string, body []byte) {
		v, ok := asVariant(signature, body)
		if !ok {
			return
		}
		again, err := resend(v)
		if err != nil {
			return
		}
		if again.Signature() != v.Signature() {
			t.Fatalf("type %q became %q", v.Signature(), again.Signature())
		}
		sent, ok := onWire(again)
		if !ok {
			return // a string or path that no bus would have brought
		}
		back, ok := asVariant("v", sent)
		if !ok {
			t.Fatalf("%v cannot be read again", again)
		}
		if got, want := back.String(), dbus.MakeVariantWithSignature(v, dbus.SignatureOf(v)).String(); got != want {
			t.Errorf("%s became %s", want, got)
		}
	})
}

// onWire encodes a variant as the body of a message.
func onWire(v dbus.Variant) (body []byte, ok bool) {
	defer func() {
		if recover() != nil {
			body, ok = nil, false
		}
	}()
	m := &dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath("/")), dbus.FieldInterface: dbus.MakeVariant("a.b"),
		dbus.FieldMember: dbus.MakeVariant("C"), dbus.FieldSignature: dbus.MakeVariant(dbus.SignatureOf(v)),
	}, Body: []any{v}}
	var b bytes.Buffer
	if err := m.EncodeTo(&b, binary.LittleEndian); err != nil {
		return nil, false
	}
	wire := b.Bytes()
	return wire[len(wire)-int(binary.LittleEndian.Uint32(wire[4:])):], true
}
