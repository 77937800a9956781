// SPDX-License-Identifier: Apache-2.0

package journal

import "bytes"

// maxLine is where a line is broken that does not end by itself.
const maxLine = 2048

// lines makes lines of what a terminal is sent: without escape sequences and
// control characters, and with what was written over left out.
type lines struct {
	partial []byte
	state   escape
	cr      bool // a carriage return came last
}

// escape says where in an escape sequence (ECMA-48) we are.
type escape byte

const (
	text       escape = iota
	introduced        // after ESC
	control           // in a control sequence, ESC [
	command           // in a command string, ESC ] and its like
	commandEnd        // after ESC in a command string, which "\" would end
	charset           // one byte follows, ESC ( and its like
)

// add takes output and calls emit for each line that it ends. What emit gets is
// only valid during the call.
func (l *lines) add(out []byte, emit func([]byte)) {
	for _, c := range out {
		if l.state != text {
			l.state = l.state.next(c)
			continue
		}
		l.char(c, emit)
	}
}

func (l *lines) char(c byte, emit func([]byte)) {
	if l.cr && c != '\n' && c != '\r' {
		// The line is written anew, as progress displays do.
		l.partial, l.cr = l.partial[:0], false
	}
	switch {
	case c == '\n':
		l.flush(emit)
	case c == '\r':
		l.cr = true
	case c == 0x1b:
		l.state = introduced
	case c == '\b':
		if n := len(l.partial); n > 0 {
			l.partial = l.partial[:n-1]
		}
	case c < ' ' && c != '\t', c == 0x7f:
	default:
		l.partial = append(l.partial, c)
		if len(l.partial) >= maxLine {
			l.flush(emit)
		}
	}
}

// flush ends the line, if there is any. The buffer is let go: an idle console
// shall cost nothing.
func (l *lines) flush(emit func([]byte)) {
	l.cr = false
	if line := bytes.TrimRight(l.partial, " \t"); len(line) > 0 {
		emit(line)
	}
	l.partial = nil
}

func (e escape) next(c byte) escape {
	switch e {
	case introduced:
		switch {
		case c == '[':
			return control
		case c == ']', c == 'P', c == 'X', c == '^', c == '_':
			return command
		case c >= 0x20 && c <= 0x2f:
			return charset
		}
		return text
	case control:
		if c >= 0x40 && c <= 0x7e || c < 0x20 {
			return text
		}
		return control
	case command:
		switch c {
		case 0x07, '\n':
			return text
		case 0x1b:
			return commandEnd
		}
		return command
	case commandEnd:
		if c == '\\' {
			return text
		}
		return introduced.next(c)
	}
	return text
}
