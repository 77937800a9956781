// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// table is text in columns, as wide as their widest cell on a screen.
type table struct {
	head []string
	rows [][]cell
}

// cell is a text and the colour it has where colours are wanted.
type cell struct {
	text   string
	colour colour
}

// colour is a terminal's number for one (ECMA-48, "SGR"); empty is none.
type colour string

const (
	plain  colour = ""
	bold   colour = "1"
	red    colour = "31"
	green  colour = "32"
	yellow colour = "33"
	dim    colour = "2"
)

func (c colour) paint(text string, on bool) string {
	if !on || c == plain || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

// write prints the table, two spaces between columns and none at the end.
func (t *table) write(w io.Writer, legend, colours bool) error {
	rows := t.rows
	if legend {
		head := make([]cell, len(t.head))
		for i, text := range t.head {
			head[i] = cell{text, bold}
		}
		rows = append([][]cell{head}, rows...)
	}
	widths := make([]int, len(t.head))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], displaywidth.String(c.text))
		}
	}
	var out strings.Builder
	for _, row := range rows {
		pad := 0
		for i, c := range row {
			if c.text != "" {
				out.WriteString(strings.Repeat(" ", pad))
				pad = 0
				out.WriteString(c.colour.paint(c.text, colours))
			}
			pad += widths[i] - displaywidth.String(c.text) + 2
		}
		out.WriteByte('\n')
	}
	_, err := io.WriteString(w, out.String())
	return err
}
