// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"strings"
	"unicode/utf8"
)

// Bounds of what is read, far above what anybody needs: of files that came with an image no more is known than that.
const (
	maxSize     = 256 << 10 // bytes in a file
	maxDepth    = 16        // tables and lists within one another, and parts of a key
	maxFiles    = 200       // files for one machine
	maxMistakes = 20        // told of one machine
)

// bounded refuses what would keep the decoder busy for long: it takes time and stack by the square of how deep keys and values are
// nested. It refuses other encodings too, some of which the decoder takes. What is no TOML otherwise may pass: the decoder stops there.
func (t *text) bounded() (err error) {
	if strings.HasPrefix(t.content, bom) {
		return mistake(t.place(0), "this is a second byte order mark: leave it out")
	}
	for at, r := range t.content {
		if r == utf8.RuneError && !utf8.ValidString(t.content[at:min(at+3, len(t.content))]) {
			return mistake(t.place(at), "this is not UTF-8: write the file in it")
		}
	}
	s := &scanner{text: t}
	defer func() {
		if r := recover(); r != nil && r != errScan {
			panic(r)
		}
	}()
	depth, parts := 0, 0
	for s.at < len(t.content) {
		switch c := t.content[s.at]; {
		case c == '#':
			s.skip("\n")
			parts = 0
			continue
		case c == '"' || c == '\'':
			s.quoted()
			continue
		case strings.IndexByte("[{", c) >= 0:
			depth++
			parts = 0
		case strings.IndexByte("]}", c) >= 0:
			depth = max(0, depth-1)
		case c == '.':
			parts++
		case strings.IndexByte("=,\n", c) >= 0:
			parts = 0
		}
		if depth > maxDepth || parts > maxDepth {
			return mistake(t.place(s.at), "tables or lists are more than %d deep here: write it simpler", maxDepth)
		}
		s.at++
	}
	return nil
}
