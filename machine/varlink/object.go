// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"strconv"
	"unicode/utf8"
)

// object is a JSON object being written, without its closing brace; the zero
// object is the empty one. It is written by hand since lists of machines are
// what is asked for most.
type object []byte

// key begins a field.
func (o *object) key(name string) {
	if len(*o) == 0 {
		*o = append(*o, '{')
	} else {
		*o = append(*o, ',')
	}
	*o = append(appendString(*o, name), ':')
}

func (o *object) str(name, v string) {
	o.key(name)
	*o = appendString(*o, v)
}

// text leaves the field out if v is empty.
func (o *object) text(name, v string) {
	if v != "" {
		o.str(name, v)
	}
}

func (o *object) uint(name string, v uint64) {
	o.key(name)
	*o = strconv.AppendUint(*o, v, 10)
}

// number leaves the field out unless it is known.
func (o *object) number(name string, v uint64, known bool) {
	if known {
		o.uint(name, v)
	}
}

func (o *object) boolean(name string, v bool) {
	o.key(name)
	*o = strconv.AppendBool(*o, v)
}

func (o *object) object(name string, v object) {
	o.key(name)
	*o = append(*o, v.end()...)
}

func (o *object) strs(name string, list []string) {
	o.key(name)
	*o = append(*o, '[')
	for i, s := range list {
		*o = comma(*o, i)
		*o = appendString(*o, s)
	}
	*o = append(*o, ']')
}

func (o *object) objects(name string, list []object) {
	o.key(name)
	*o = append(*o, '[')
	for i, v := range list {
		*o = comma(*o, i)
		*o = append(*o, v.end()...)
	}
	*o = append(*o, ']')
}

// bytes writes a list of small numbers, as Varlink has no bytes.
func (o *object) bytes(name string, list []byte) {
	o.key(name)
	*o = append(*o, '[')
	for i, n := range list {
		*o = comma(*o, i)
		*o = strconv.AppendUint(*o, uint64(n), 10)
	}
	*o = append(*o, ']')
}

// end is the finished object.
func (o object) end() []byte {
	if len(o) == 0 {
		return []byte("{}")
	}
	return append(o[:len(o):len(o)], '}')
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// appendString writes a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r) // RuneError for what is none
			i += n
			continue
		}
		i++
	}
	return append(b, '"')
}
