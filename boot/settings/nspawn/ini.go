// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"fmt"
	"slices"
	"strings"
)

// assignment is a line KEY=VALUE of a settings file.
type assignment struct {
	line                int // where it begins, from 1
	section, key, value string
}

func (a assignment) String() string { return fmt.Sprintf("[%s] %s=", a.section, a.key) }

// remark is what is to be said about a line.
type remark struct {
	line int
	text string
}

// sections are those of a settings file.
var sections = []string{"Exec", "Files", "Network"}

// parse reads the assignments of a settings file, in their order (systemd.syntax(7)): a backslash at the end joins a line with
// the next one, lines that begin with # or ; are comments, also within. What systemd would not understand is remarked on, but nothing
// that begins with "X-".
func parse(text string) (list []assignment, remarks []remark) {
	p := parser{}
	var pending strings.Builder
	begun := 0
	lines := strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n")
	for i, line := range lines {
		line = strings.TrimSuffix(line, "\r")
		if first := strings.TrimLeft(line, blanks); first != "" && strings.ContainsRune("#;", rune(first[0])) {
			continue
		}
		if pending.Len() == 0 {
			begun = i + 1
		}
		body, joined := continued(line)
		pending.WriteString(body)
		if joined {
			pending.WriteByte(' ')
			continue
		}
		p.take(begun, strings.Trim(pending.String(), blanks))
		pending.Reset()
	}
	p.take(begun, strings.Trim(pending.String(), blanks))
	return p.list, p.remarks
}

// continued tells whether a line goes on, which it does if a backslash that no other precedes ends it, and what it says so far.
func continued(line string) (body string, yes bool) {
	body = strings.TrimRight(line, `\`)
	if (len(line)-len(body))%2 == 0 {
		return line, false
	}
	return line[:len(line)-1], true
}

type parser struct {
	section string
	ignored bool // whatever the section has, nothing is to be said about it
	list    []assignment
	remarks []remark
}

func (p *parser) remark(line int, format string, args ...any) {
	p.remarks = append(p.remarks, remark{line, fmt.Sprintf(format, args...)})
}

func (p *parser) take(line int, text string) {
	switch {
	case text == "":
	case text[0] == '[':
		p.enter(line, text)
	case p.section == "" && !p.ignored:
		p.remark(line, "%q is ignored: it belongs to no section", brief(text))
	case p.ignored:
	default:
		p.assign(line, text)
	}
}

func (p *parser) enter(line int, text string) {
	name, ok := strings.CutSuffix(text[1:], "]")
	known := ok && slices.Contains(sections, name)
	p.section, p.ignored = "", true
	switch {
	case known:
		p.section, p.ignored = name, false
	case ok && strings.HasPrefix(name, "X-"):
	default:
		p.remark(line, "section %q is ignored: it is none of [Exec], [Files], [Network]", brief(text))
	}
}

func (p *parser) assign(line int, text string) {
	key, value, ok := strings.Cut(text, "=")
	key = strings.TrimRight(key, blanks)
	switch {
	case !ok || key == "":
		p.remark(line, "%q is ignored: it is not KEY=VALUE", brief(text))
	case strings.HasPrefix(key, "X-"):
	default:
		p.list = append(p.list, assignment{line, p.section, key, strings.TrimLeft(value, blanks)})
	}
}

// brief shortens what is quoted from a file.
func brief(text string) string {
	const enough = 60
	if r := []rune(text); len(r) > enough {
		return string(r[:enough]) + "…"
	}
	return text
}
