// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// Place is where something is said: a file, and in it a line and a character of that line, both counted from 1. A line of 0 means
// the file as a whole.
type Place struct {
	Path string `json:"file"`
	Line int    `json:"line,omitempty"`
	Col  int    `json:"column,omitempty"`
}

// String gives the place as compilers do, FILE:LINE:COLUMN.
func (p Place) String() string {
	if p.Line == 0 {
		return p.Path
	}
	return fmt.Sprintf("%s:%d:%d", p.Path, p.Line, p.Col)
}

// Short gives the place without the column.
func (p Place) Short() string {
	if p.Line == 0 {
		return p.Path
	}
	return fmt.Sprintf("%s:%d", p.Path, p.Line)
}

// text is a file's content, for finding lines and columns.
type text struct {
	path, content string
	lines         []int // offsets of their beginnings
}

func newText(path, content string) *text {
	t := &text{path: path, content: content, lines: []int{0}}
	for i := range len(content) {
		if content[i] == '\n' {
			t.lines = append(t.lines, i+1)
		}
	}
	return t
}

// place gives the place of the byte at an offset.
func (t *text) place(offset int) Place {
	offset = min(max(offset, 0), len(t.content))
	line, found := slices.BinarySearch(t.lines, offset)
	if found {
		line++
	}
	begin := t.lines[line-1]
	return Place{t.path, line, utf8.RuneCountInString(t.content[begin:offset]) + 1}
}

// scanner finds the places of keys and values in a text that the decoder has found to be TOML (toml.io/en/v1.1.0). Of the names of
// keys it knows only where they are; the decoder's list of them, in their order in the text, has the rest.
type scanner struct {
	*text
	at     int
	keys   []toml.Key // those not met yet
	counts map[string]int
	places map[string]Place
	whole  map[string]bool // the paths that got a value at once, to which nothing can be added
}

// scanError is what ends a scan.
type scanError struct{ error }

// errScan says that scanner and decoder see different things.
var errScan = scanError{errors.New("its keys cannot be found again")}

// scan gives the place of every key and of every item of a list, by its path. It finds the one mistake that the decoder lets pass, and
// forgets a value over (v1.6.0): to add to a list by a dotted key.
func (t *text) scan(keys []toml.Key) (places map[string]Place, err error) {
	s := &scanner{text: t, keys: keys, counts: map[string]int{}, places: map[string]Place{}, whole: map[string]bool{}}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case scanError:
			err = r.error
		default:
			panic(r)
		}
	}()
	s.file()
	if len(s.keys) > 0 {
		return nil, errScan.error
	}
	return s.places, nil
}

// pathOf extends a path by a key or the number of an item.
func pathOf(parent string, part any) string {
	if i, ok := part.(int); ok {
		return fmt.Sprintf("%s[%d]", parent, i)
	}
	return parent + "\x00" + part.(string)
}

func (s *scanner) file() {
	table := ""
	for {
		s.skip(" \t\r\n")
		switch {
		case s.at == len(s.content):
			return
		case s.takes("[["):
			table = s.header(true)
		case s.takes("["):
			table = s.header(false)
		default:
			s.assignment(table)
		}
	}
}

// header reads the rest of a table's header and gives the path of the table.
func (s *scanner) header(many bool) string {
	s.skip(" \t")
	begin := s.at
	path := s.key("")
	if many {
		s.put(path, begin)
		i := s.counts[path]
		s.counts[path]++
		path = pathOf(path, i)
		s.places[path] = s.place(begin)
		s.want("]")
	} else {
		path = s.last(path)
		s.put(path, begin)
	}
	s.want("]")
	return path
}

// last gives the path of the last table of a list of tables so far, and any other path as it is.
func (s *scanner) last(path string) string {
	if n := s.counts[path]; n > 0 {
		return pathOf(path, n-1)
	}
	return path
}

// put notes the place of a path unless it has one: a table may be mentioned several times.
func (s *scanner) put(path string, at int) {
	if _, known := s.places[path]; !known {
		s.places[path] = s.place(at)
	}
}

func (s *scanner) assignment(table string) {
	s.skip(" \t")
	begin := s.at
	path := s.key(table)
	s.places[path] = s.place(begin)
	s.whole[path] = true
	s.want("=")
	s.value(path)
}

// key reads a key, dotted or not, and gives the path it means within a table.
func (s *scanner) key(table string) string {
	begin, dots := s.at, 0
	for {
		s.skip(" \t")
		s.word()
		s.skip(" \t")
		if !s.takes(".") {
			break
		}
		dots++
	}
	if len(s.keys) == 0 || len(s.keys[0]) <= dots {
		panic(errScan)
	}
	parts := s.keys[0][len(s.keys[0])-dots-1:]
	s.keys = s.keys[1:]
	path := table
	for i, part := range parts {
		if i > 0 {
			if s.whole[path] {
				panic(scanError{mistake(s.place(begin), "%q was given a value before, on line %d%s", strings.Join(parts[:i], "."), s.places[path].Line, remedy)})
			}
			path = s.last(path)
			s.put(path, begin)
		}
		path = pathOf(path, part)
	}
	return path
}

// word reads one part of a key.
func (s *scanner) word() {
	if s.at < len(s.content) && strings.IndexByte(`"'`, s.content[s.at]) >= 0 {
		s.quoted()
		return
	}
	begin := s.at
	for s.at < len(s.content) && strings.IndexByte(" \t\r\n.=]}#,", s.content[s.at]) < 0 {
		s.at++
	}
	if s.at == begin {
		panic(errScan)
	}
}

// value reads a value and notes the places of what is in it.
func (s *scanner) value(path string) {
	s.skip(" \t")
	switch {
	case s.at == len(s.content):
		panic(errScan)
	case s.takes("["):
		for i := 0; !s.ends("]"); i++ {
			item := pathOf(path, i)
			s.places[item] = s.place(s.at)
			s.value(item)
		}
	case s.takes("{"):
		for !s.ends("}") {
			s.assignment(path)
		}
	case strings.IndexByte(`"'`, s.content[s.at]) >= 0:
		s.quoted()
	default:
		for s.at < len(s.content) && strings.IndexByte(",]}#\r\n", s.content[s.at]) < 0 {
			s.at++
		}
	}
}

// ends goes to the next item of a list or table, or over its end.
func (s *scanner) ends(closing string) bool {
	s.skip(" \t\r\n,")
	if s.at == len(s.content) {
		panic(errScan)
	}
	return s.takes(closing)
}

// quoted reads a string of any of the four kinds.
func (s *scanner) quoted() {
	mark := s.content[s.at : s.at+1]
	if strings.HasPrefix(s.content[s.at:], strings.Repeat(mark, 3)) {
		mark = strings.Repeat(mark, 3)
	}
	s.at += len(mark)
	for !s.takes(mark) {
		if s.at < len(s.content) && s.content[s.at] == '\\' && mark[0] == '"' {
			s.at++
		}
		if s.at >= len(s.content) {
			panic(errScan)
		}
		s.at++
	}
	for len(mark) == 3 && s.takes(mark[:1]) {
		// One or two quotation marks before the end belong to the string. The decoder takes more after a backslash (v1.6.0).
	}
}

// skip goes over blanks, and over comments where a new line may begin.
func (s *scanner) skip(blanks string) {
	for s.at < len(s.content) {
		switch c := s.content[s.at]; {
		case strings.IndexByte(blanks, c) >= 0:
			s.at++
		case c == '#' && strings.Contains(blanks, "\n"):
			for s.at < len(s.content) && s.content[s.at] != '\n' {
				s.at++
			}
		default:
			return
		}
	}
}

// takes goes over a mark if it is next.
func (s *scanner) takes(mark string) bool {
	if !strings.HasPrefix(s.content[s.at:], mark) {
		return false
	}
	s.at += len(mark)
	return true
}

func (s *scanner) want(mark string) {
	s.skip(" \t")
	if !s.takes(mark) {
		panic(errScan)
	}
}
