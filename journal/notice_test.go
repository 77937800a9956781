// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"encoding/binary"
	"strings"
	"testing"
)

func TestAppendFields(t *testing.T) {
	got := string(appendFields(nil, []Field{{"A", "x=y"}, {"B", "1\n2"}}))
	if want := "A=x=y\nB\n\x03\x00\x00\x00\x00\x00\x00\x001\n2\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What journald reads, by its native protocol, is what was given, whatever the
// values hold.
func FuzzNotice(f *testing.F) {
	f.Add("deb", "a\nMESSAGE=b\n")
	f.Add("", "\n")
	f.Fuzz(func(t *testing.T, one, other string) {
		given := []Field{{"NAME", one}, {"REASON", other}}
		rest := string(appendFields(nil, given))
		for _, want := range given {
			end := strings.IndexAny(rest, "=\n")
			if end < 0 {
				t.Fatalf("no field in %q", rest)
			}
			name, value := rest[:end], ""
			if rest[end] == '=' {
				value, rest, _ = strings.Cut(rest[end+1:], "\n")
			} else {
				n := binary.LittleEndian.Uint64([]byte(rest[end+1:]))
				value, rest = rest[end+9:end+9+int(n)], rest[end+9+int(n)+1:]
			}
			if name != want.Name || value != want.Value {
				t.Errorf("%s = %q, want %s = %q", name, value, want.Name, want.Value)
			}
		}
		if rest != "" {
			t.Errorf("%q is left", rest)
		}
	})
}
