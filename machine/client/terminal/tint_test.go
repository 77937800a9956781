// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"bytes"
	"testing"
)

func TestTint(t *testing.T) {
	const set = "\x1b[44m"
	for _, tt := range []struct{ in, want string }{
		{"plain\r\n", "plain\r\n"},
		{"\x1b[1mbold\x1b[0mnot", "\x1b[1mbold\x1b[0m" + set + "not"},
		{"\x1b[mx\x1b[39;49my", "\x1b[m" + set + "x\x1b[39;49m" + set + "y"},
		{"\x1b[0;41mred\x1b[0;1mx", "\x1b[0;41mred\x1b[0;1m" + set + "x"},
		{"\x1b[2J\x1b[10;20Hx\x1b(Bx", "\x1b[2J\x1b[10;20Hx\x1b(Bx"},
		{"\x1bcx", "\x1bc" + set + "x"},
		{"\x1b\x1b[0mx", "\x1b\x1b[0m" + set + "x"},
	} {
		// In one piece, and byte by byte.
		for _, size := range []int{len(tt.in), 1} {
			var screen bytes.Buffer
			w := &tint{screen: &screen, colour: "44"}
			for rest := []byte(tt.in); len(rest) > 0; rest = rest[min(size, len(rest)):] {
				if n, err := w.Write(rest[:min(size, len(rest))]); err != nil || n == 0 {
					t.Fatal(n, err)
				}
			}
			if got := screen.String(); got != tt.want {
				t.Errorf("%q in pieces of %d: %q, want %q", tt.in, size, got, tt.want)
			}
		}
	}
}
