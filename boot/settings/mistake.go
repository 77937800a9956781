// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/BurntSushi/toml"
)

// Mistake is one thing that is wrong in a settings file. A mistake is an error: a machine must not start otherwise than its
// settings say.
type Mistake struct {
	Place
	Text string // what is wrong, and what to do about it
}

func (m *Mistake) Error() string {
	if m.Path == "" {
		return oneLine(m.Text)
	}
	return oneLine(m.Place.String() + ": " + m.Text)
}

// Mistakes are all that are wrong in the settings of a machine, in the order in which they were read; there is at least one.
type Mistakes []*Mistake

// Error tells the first, and how many more there are.
func (m Mistakes) Error() string {
	if len(m) == 1 {
		return m[0].Error()
	}
	return fmt.Sprintf("%v (and %d more: see `mctl config check`)", m[0], len(m)-1)
}

// add takes in an error, which should be of one or more mistakes.
func (m *Mistakes) add(err error) {
	var one *Mistake
	var several Mistakes
	switch {
	case err == nil:
	case errors.As(err, &several):
		*m = append(*m, several...)
	case errors.As(err, &one):
		*m = append(*m, one)
	default:
		*m = append(*m, &Mistake{Text: err.Error()})
	}
}

// err gives them as an error, nil if there are none.
func (m Mistakes) err() error {
	if len(m) == 0 {
		return nil
	}
	return m
}

func mistake(at Place, format string, args ...any) *Mistake {
	return &Mistake{at, fmt.Sprintf(format, args...)}
}

// remedy is what to do about a file that is no TOML.
const remedy = ": correct it, or move the file away"

// syntaxError says where a text is no TOML.
func (t *text) syntaxError(err error) error {
	var bad toml.ParseError
	if !errors.As(err, &bad) {
		return mistake(Place{Path: t.path}, "%s%s", strings.TrimPrefix(err.Error(), "toml: "), remedy)
	}
	return mistake(t.place(bad.Position.Start), "%s%s", bad.Message, remedy)
}

// oneLine puts blanks where a text, which may quote the file, has line breaks or what a terminal obeys.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
