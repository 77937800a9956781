// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"machined-go/boot/settings/schema"
)

// TOML gives the settings as the text of one file that says the same, in the order of the reference page.
func (s *Settings) TOML() string { return write(unexpand(s.root.clone()), s.t) }

// unexpand doubles the percent signs that would be read as specifiers.
func unexpand(v *Value) *Value {
	for _, inner := range v.Table {
		unexpand(inner)
	}
	for _, item := range v.List {
		unexpand(item)
	}
	if text, ok := v.Leaf.(string); ok {
		v.Leaf = escape(text)
	}
	return v
}

// write gives a table as the text of a file.
func write(v *Value, t *schema.Type) string {
	w := writer{}
	w.table(nil, v, t)
	return strings.TrimPrefix(w.String(), "\n")
}

// writer writes a file: of each table first what is short, then the tables in it, for what follows a header belongs to that.
type writer struct{ strings.Builder }

func (w *writer) table(path []string, v *Value, t *schema.Type) {
	keys := ordered(v, t)
	for _, key := range keys {
		if inner := v.Table[key]; !headed(inner) {
			fmt.Fprintf(w, "%s = %s\n", keyText(key), inner)
		}
	}
	for _, key := range keys {
		inner, path := v.Table[key], append(path[:len(path):len(path)], key)
		innerType := elem(t, key)
		switch {
		case !headed(inner):
		case inner.isList():
			for _, item := range inner.List {
				fmt.Fprintf(w, "\n[[%s]]\n", keyText(path...))
				w.table(path, item, innerType)
			}
		default:
			if slices.ContainsFunc(ordered(inner, innerType), func(k string) bool { return !headed(inner.Table[k]) }) || len(inner.Table) == 0 {
				fmt.Fprintf(w, "\n[%s]\n", keyText(path...))
			}
			w.table(path, inner, innerType)
		}
	}
}

// headed tells whether a value is written below a header of its own.
func headed(v *Value) bool {
	return v.Table != nil || len(v.List) > 0 && v.List[0].Table != nil
}

// elem gives the type of what has a key in a table.
func elem(t *schema.Type, key string) *schema.Type {
	if t == nil {
		return nil
	}
	if t.Kind == schema.List {
		t = t.Elem
	}
	f, _ := t.Field(key)
	return f.Type
}

// ordered gives a table's keys in the order of its type; those that the user chooses are sorted.
func ordered(v *Value, t *schema.Type) []string {
	if t != nil && t.Kind == schema.List {
		t = t.Elem
	}
	var keys []string
	if t != nil {
		for _, f := range t.Fields {
			if v.Table[f.Key] != nil {
				keys = append(keys, f.Key)
			}
		}
	}
	var others []string
	for key := range v.Table {
		if !slices.Contains(keys, key) {
			others = append(others, key)
		}
	}
	slices.Sort(others)
	return append(keys, others...)
}

// String gives a value as TOML writes it in one line.
func (v *Value) String() string {
	switch leaf := v.Leaf.(type) {
	case nil:
	case string:
		return quote(leaf)
	case float64:
		text := strconv.FormatFloat(leaf, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return text
	default:
		return fmt.Sprint(leaf)
	}
	var parts []string
	if v.isList() {
		for _, item := range v.List {
			parts = append(parts, item.String())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	for _, key := range v.keys() {
		parts = append(parts, keyText(key)+" = "+v.Table[key].String())
	}
	if len(parts) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

// keyText writes a key, dotted if it has several parts.
func keyText(path ...string) string {
	parts := make([]string, len(path))
	for i, part := range path {
		if parts[i] = part; part == "" || strings.Trim(part, bare) != "" {
			parts[i] = quote(part)
		}
	}
	return strings.Join(parts, ".")
}

// bare is what keys are made of that need no quotation marks.
const bare = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

// quote writes a string as TOML's basic ones are.
func quote(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\t':
			out.WriteString(`\t`)
		case unicode.IsControl(r) || r == utf8.RuneError:
			fmt.Fprintf(&out, `\u%04X`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}
