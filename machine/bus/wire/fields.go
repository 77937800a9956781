// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"

	"github.com/godbus/dbus/v5"
)

// fields is a reader of header fields, each a code and a variant.
type fields struct {
	text  []byte
	at    int
	order binary.ByteOrder
}

// key begins the next field.
func (f *fields) key() (code dbus.HeaderField, kind string, ok bool) {
	f.at = align(f.at, 8)
	if f.at >= len(f.text) {
		return 0, "", false
	}
	code = dbus.HeaderField(f.text[f.at])
	f.at++
	kind, ok = f.signature()
	return code, kind, ok
}

func (f *fields) uint() (n uint32, ok bool) {
	f.at = align(f.at, 4)
	if f.at+4 > len(f.text) {
		return 0, false
	}
	n = f.order.Uint32(f.text[f.at:])
	f.at += 4
	return n, true
}

func (f *fields) str() (string, bool) {
	n, ok := f.uint()
	if !ok {
		return "", false
	}
	return f.take(int(n))
}

func (f *fields) signature() (string, bool) {
	if f.at >= len(f.text) {
		return "", false
	}
	n := int(f.text[f.at])
	f.at++
	return f.take(n)
}

// take reads so many bytes and the NUL behind them.
func (f *fields) take(n int) (string, bool) {
	if n < 0 || n >= len(f.text)-f.at {
		return "", false
	}
	s := string(f.text[f.at : f.at+n])
	f.at += n + 1
	return s, true
}

// sizes are those of the types that have a fixed one, which is their alignment
// too.
var sizes = map[byte]int{'y': 1, 'n': 2, 'q': 2, 'b': 4, 'i': 4, 'u': 4, 'h': 4, 'x': 8, 't': 8, 'd': 8, '(': 8, '{': 8, 's': 4, 'o': 4, 'a': 4, 'g': 1, 'v': 1}

// maxDepth is how deep the specification lets types nest.
const maxDepth = 64

// skip passes over a value of one complete type.
func (f *fields) skip(kind string, depth int) (ok bool) {
	if typeEnd(kind) != len(kind) || kind == "" || depth > maxDepth {
		return false
	}
	switch first := kind[0]; first {
	case 's', 'o':
		_, ok = f.str()
	case 'g':
		_, ok = f.signature()
	case 'v':
		inner, known := f.signature()
		ok = known && f.skip(inner, depth+1)
	case 'a':
		ok = f.skipArray(kind[1:])
	case '(', '{':
		f.at = align(f.at, 8)
		for rest := kind[1 : len(kind)-1]; rest != ""; {
			end := typeEnd(rest)
			if end == 0 || !f.skip(rest[:end], depth+1) {
				return false
			}
			rest = rest[end:]
		}
		ok = true
	default:
		n, known := sizes[first]
		f.at = align(f.at, max(n, 1)) + n
		ok = known && f.at <= len(f.text)
	}
	return ok
}

func (f *fields) skipArray(element string) bool {
	n, ok := f.uint()
	if !ok || element == "" || sizes[element[0]] == 0 {
		return false
	}
	f.at = align(f.at, sizes[element[0]])
	if n > uint32(len(f.text)) || f.at+int(n) > len(f.text) {
		return false
	}
	f.at += int(n)
	return true
}

// typeEnd is the length of the first complete type of a signature, 0 if there
// is none.
func typeEnd(signature string) int {
	depth := 0
	for i := range len(signature) {
		switch signature[i] {
		case '(', '{':
			depth++
		case ')', '}':
			depth--
		case 'a':
			continue
		}
		if depth <= 0 {
			return i + 1
		}
	}
	return 0
}
