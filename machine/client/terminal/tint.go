// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"bytes"
	"io"
	"strings"
)

// tint writes to a screen and keeps its background in a colour: whatever sets all attributes back to normal, or the background alone, is
// followed by what sets the colour again (ECMA-48, SGR). As with systemd's tools, a colour is the number, or numbers, of that.
type tint struct {
	screen io.Writer
	colour string
	held   []byte // an escape sequence that has not ended yet
}

// longest bounds what is held back; no sequence that sets attributes is that long.
const longest = 64

const (
	esc           = 0x1b
	eraseToEnd    = "\x1b[J"
	normal        = "\x1b[0m"
	sequenceBegin = "\x1b["
)

func (t *tint) set() string { return sequenceBegin + t.colour + "m" }

// begin colours the screen, end leaves it as it was.
func (t *tint) begin() error { return t.write([]byte(t.set() + eraseToEnd)) }

func (t *tint) end() { _ = t.write([]byte(normal + eraseToEnd)) }

func (t *tint) write(text []byte) error {
	_, err := t.screen.Write(text)
	return err
}

// Write implements io.Writer.
func (t *tint) Write(text []byte) (int, error) {
	var out bytes.Buffer
	for _, c := range text {
		switch {
		case len(t.held) == 0 && c != esc:
			out.WriteByte(c)
			continue
		case c == esc:
			out.Write(t.held)
			t.held = t.held[:0]
		}
		t.held = append(t.held, c)
		if done := t.sequenceEnded(); done || len(t.held) > longest {
			out.Write(t.held)
			if done && t.resets() {
				out.WriteString(t.set())
			}
			t.held = t.held[:0]
		}
	}
	return len(text), t.write(out.Bytes())
}

// sequenceEnded tells whether what is held is a whole escape sequence, or none of those that begin with ESC [.
func (t *tint) sequenceEnded() bool {
	n := len(t.held)
	last := t.held[n-1]
	return n == 2 && last != '[' || n > 2 && last >= '@' && last <= '~'
}

// resets tells whether the sequence held takes the colour away.
func (t *tint) resets() bool {
	text := string(t.held)
	if text == "\x1bc" { // RIS
		return true
	}
	attributes, ok := strings.CutSuffix(strings.TrimPrefix(text, sequenceBegin), "m")
	if !ok || !strings.HasPrefix(text, sequenceBegin) {
		return false
	}
	reset := false
	for _, a := range strings.Split(attributes, ";") {
		switch a {
		case "", "0", "49":
			reset = true
		case "40", "41", "42", "43", "44", "45", "46", "47", "48":
			reset = false
		}
	}
	return reset
}
