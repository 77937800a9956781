// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/godbus/dbus/v5"
)

// Encoder is a message, or the body of one, being written in little endian
// (D-Bus specification, "Marshaling"). Str does not look at strings: they must
// be UTF-8 without NUL, or the bus ends the connection.
type Encoder []byte

func valid(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Value writes a value of one of the types that are asked for all the time; ok
// is false for any other, and for one that must not be sent.
func (e *Encoder) Value(v any) (ok bool) {
	switch v := v.(type) {
	case string:
		e.Str(v)
		return valid(v)
	case dbus.ObjectPath:
		e.Str(string(v))
		return v.IsValid()
	case uint32:
		e.Uint32(v)
	case uint64:
		e.Align(8)
		*e = binary.LittleEndian.AppendUint64(*e, v)
	case bool:
		e.Uint32(map[bool]uint32{true: 1}[v])
	case []byte:
		e.Uint32(uint32(len(v)))
		*e = append(*e, v...)
	case []int32:
		e.Uint32(uint32(4 * len(v)))
		for _, n := range v {
			e.Uint32(uint32(n))
		}
	case map[string]string:
		ok = true
		e.Array(8, func() {
			for key, value := range v {
				e.Align(8)
				e.Str(key)
				e.Str(value)
				ok = ok && valid(key) && valid(value)
			}
		})
		return ok
	default:
		return false
	}
	return true
}

// Align pads with zeroes.
func (e *Encoder) Align(to int) {
	for len(*e)%to != 0 {
		*e = append(*e, 0)
	}
}

// Uint32 writes a number.
func (e *Encoder) Uint32(n uint32) {
	e.Align(4)
	*e = binary.LittleEndian.AppendUint32(*e, n)
}

// Str writes a string or an object path.
func (e *Encoder) Str(s string) {
	e.Uint32(uint32(len(s)))
	*e = append(append(*e, s...), 0)
}

// Signature writes a signature, of at most 255 bytes.
func (e *Encoder) Signature(s string) {
	*e = append(*e, byte(len(s)))
	*e = append(append(*e, s...), 0)
}

// Array writes an array whose elements need that alignment; they are what the
// function writes.
func (e *Encoder) Array(alignment int, elements func()) {
	e.Uint32(0)
	at := len(*e) - 4
	e.Align(alignment)
	from := len(*e)
	elements()
	binary.LittleEndian.PutUint32((*e)[at:], uint32(len(*e)-from))
}

// field begins a header field.
func (e *Encoder) field(code dbus.HeaderField, kind byte) {
	e.Align(8)
	*e = append(*e, byte(code), 1, kind, 0)
}
