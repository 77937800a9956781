// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// compare prints a row for each call and counts those that differ without a
// reason. Texts of errors may be our own: clients only print them.
func compare(w io.Writer, suite string, stock, ours []outcome) (unexplained int) {
	same, explained, texts := 0, 0, 0
	fmt.Fprintf(w, "%s\n", suite)
	for i, s := range stock {
		if i >= len(ours) || ours[i].Row != s.Row {
			fmt.Fprintf(w, "  DIFFERS  %-28s not tried\n", s.Row)
			unexplained++
			continue
		}
		o := ours[i]
		if s.Text != o.Text && s.Error == o.Error {
			texts++
		}
		if s.equal(o) {
			same++
			fmt.Fprintf(w, "  same     %-28s %s\n", s.Row, cut(s.brief()))
			continue
		}
		if why := reason(suite, s, o); why != "" {
			explained++
			fmt.Fprintf(w, "  ours     %-28s %s\n", s.Row, why)
		} else {
			unexplained++
			fmt.Fprintf(w, "  DIFFERS  %s\n", s.Row)
		}
		s.difference(w, o)
	}
	fmt.Fprintf(w, "  %d calls: %d same, %d differ on purpose, %d differ; %d error texts are our own\n\n", len(stock), same, explained, unexplained, texts)
	return unexplained
}

func (s outcome) equal(o outcome) bool {
	return s.Reply == o.Reply && s.Error == o.Error && slices.Equal(s.Signals, o.Signals) && slices.Equal(s.State, o.State)
}

func (s outcome) brief() string {
	if s.Error != "" {
		return strings.TrimPrefix(s.Error, "org.freedesktop.")
	}
	return s.Reply
}

// difference prints the parts that are not the same.
func (s outcome) difference(w io.Writer, o outcome) {
	line := func(part, stock, ours string) {
		if stock != ours {
			fmt.Fprintf(w, "             %s\n               stock: %s\n               ours:  %s\n", part, stock, ours)
		}
	}
	line("error", s.Error+" "+s.Text, o.Error+" "+o.Text)
	line("reply", s.Reply, o.Reply)
	line("signals", strings.Join(s.Signals, " "), strings.Join(o.Signals, " "))
	line("state file", strings.Join(s.State, " "), strings.Join(o.State, " "))
}

func cut(s string) string {
	s = strings.ReplaceAll(s, "\n", " ")
	if r := []rune(s); len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return s
}
