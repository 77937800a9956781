// SPDX-License-Identifier: Apache-2.0

// Package nspawn reads what was written for systemd-nspawn: the values of its options, as of systemd-nspawn(1), and its settings
// files, as of systemd.nspawn(5), both of systemd 262.
package nspawn

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// blanks are what separates words.
const blanks = " \t\n\r"

// fields splits text at every separator; a backslash before a character, such as a separator, makes it an ordinary one. Fields may be
// empty.
func fields(text string, separator byte) ([]string, error) {
	var list []string
	var field strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\\':
			if i++; i == len(text) {
				return nil, fmt.Errorf("%q ends with a backslash", text)
			}
			field.WriteByte(text[i])
		case separator:
			list = append(list, field.String())
			field.Reset()
		default:
			field.WriteByte(c)
		}
	}
	return append(list, field.String()), nil
}

// words splits text at white space, and at commas where commas is true.
func words(text string, commas bool) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(blanks, r) || commas && r == ',' })
}

// quoted splits text at white space outside of quotes, single or double, which are taken away. A backslash is itself.
func quoted(text string) ([]string, error) {
	var list []string
	var word strings.Builder
	var quote byte
	begun := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, begun = c, true
		case !strings.ContainsRune(blanks, rune(c)):
			word.WriteByte(c)
			begun = true
		case begun:
			list = append(list, word.String())
			word.Reset()
			begun = false
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote (%c) is not closed", quote)
	}
	if begun {
		list = append(list, word.String())
	}
	return list, nil
}

// simple are the escapes of one character.
var simple = map[byte]byte{
	'a': 7, 'b': 8, 'f': 12, 'n': '\n', 'r': '\r', 't': '\t', 'v': 11, '\\': '\\', '"': '"', '\'': '\'', 's': ' ',
}

// unescape puts in what C's escapes stand for.
func unescape(text string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out.WriteByte(text[i])
			continue
		}
		n, err := escape(&out, text[i+1:])
		if err != nil {
			return "", err
		}
		i += n
	}
	return out.String(), nil
}

var errEscape = errors.New(`a backslash is not followed by one of a b f n r t v \ " ' s xHH NNN uHHHH UHHHHHHHH`)

// escape writes what the text after a backslash begins with, and tells how much of it that is.
func escape(out *strings.Builder, text string) (int, error) {
	if text == "" {
		return 0, errEscape
	}
	if c, ok := simple[text[0]]; ok {
		out.WriteByte(c)
		return 1, nil
	}
	skip, digits, base, size := 1, 0, 16, 8
	switch text[0] {
	case 'x':
		digits = 2
	case 'u':
		digits, size = 4, 32
	case 'U':
		digits, size = 8, 32
	default:
		skip, digits, base = 0, 3, 8
	}
	if len(text) < skip+digits {
		return 0, errEscape
	}
	n, err := strconv.ParseUint(text[skip:skip+digits], base, size)
	if err != nil || size == 32 && !utf8.ValidRune(rune(n)) {
		return 0, errEscape
	}
	if size == 32 {
		out.WriteRune(rune(n))
	} else {
		out.WriteByte(byte(n))
	}
	return skip + digits, nil
}
