// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// Value is what a setting is, and where that was said: a leaf, a table or a list.
type Value struct {
	Leaf  any               // string, int64, float64, bool or a time; nil of tables and lists
	Table map[string]*Value // nil of others
	List  []*Value          // nil of others
	From  Place
}

func newTable(from Place) *Value { return &Value{Table: map[string]*Value{}, From: from} }

// isList tells a list from a leaf; an empty one is not nil.
func (v *Value) isList() bool { return v.List != nil }

// keys gives a table's keys in the order in which they were said.
func (v *Value) keys() []string {
	keys := slices.Collect(maps.Keys(v.Table))
	slices.SortFunc(keys, func(a, b string) int { return before(v.Table[a], v.Table[b], a, b) })
	return keys
}

func before(a, b *Value, nameA, nameB string) int {
	if a.From.Path == b.From.Path && a.From.Line != b.From.Line {
		return a.From.Line - b.From.Line
	}
	if a.From.Path == b.From.Path && a.From.Col != b.From.Col {
		return a.From.Col - b.From.Col
	}
	return strings.Compare(nameA, nameB)
}

// at gives what is at a path of keys, nil if there is nothing.
func (v *Value) at(path []string) *Value {
	for _, key := range path {
		if v == nil || v.Table == nil {
			return nil
		}
		v = v.Table[key]
	}
	return v
}

// remove takes away what is at a path of keys, and tables that become empty by it.
func (v *Value) remove(path []string) {
	if v == nil || v.Table == nil {
		return
	}
	if len(path) > 1 {
		inner := v.Table[path[0]]
		inner.remove(path[1:])
		if inner == nil || inner.Table == nil || len(inner.Table) > 0 {
			return
		}
	}
	delete(v.Table, path[0])
}

// put sets what is at a path of keys, and makes the tables on the way.
func (v *Value) put(path []string, to *Value) {
	for _, key := range path[:len(path)-1] {
		inner := v.Table[key]
		if inner == nil || inner.Table == nil {
			inner = newTable(to.From)
			v.Table[key] = inner
		}
		v = inner
	}
	v.Table[path[len(path)-1]] = to
}

// clone copies a value as deep as it goes.
func (v *Value) clone() *Value {
	c := &Value{Leaf: v.Leaf, From: v.From}
	if v.Table != nil {
		c.Table = map[string]*Value{}
		for key, inner := range v.Table {
			c.Table[key] = inner.clone()
		}
	}
	if v.isList() {
		c.List = make([]*Value, len(v.List))
		for i, item := range v.List {
			c.List[i] = item.clone()
		}
	}
	return c
}

// equal compares what is said, wherever it was.
func (v *Value) equal(other *Value) bool {
	return v.Leaf == other.Leaf && (v.Table == nil) == (other.Table == nil) && v.isList() == other.isList() &&
		maps.EqualFunc(v.Table, other.Table, (*Value).equal) && slices.EqualFunc(v.List, other.List, (*Value).equal)
}

// kind says in words what a value is.
func (v *Value) kind() string {
	switch leaf := v.Leaf.(type) {
	case nil:
		if v.isList() {
			return "a list"
		}
		return "a table"
	case string:
		return "a string"
	case bool:
		return strconv.FormatBool(leaf)
	case int64:
		return "an integer"
	case float64:
		return "a number"
	}
	return "a date or time"
}

// MarshalJSON gives the value without its place.
func (v *Value) MarshalJSON() ([]byte, error) {
	switch {
	case v.isList():
		return json.Marshal(v.List)
	case v.Table != nil:
		return json.Marshal(v.Table)
	}
	return json.Marshal(v.Leaf)
}

// bom is the mark that editors may put in front of UTF-8.
const bom = "\ufeff"

// parse reads a file's content.
func parse(path, content string) (*Value, error) {
	content = strings.TrimPrefix(content, bom)
	t := newText(path, content)
	if err := t.bounded(); err != nil {
		return nil, err
	}
	var plain map[string]any
	meta, err := toml.Decode(content, &plain)
	if err != nil {
		return nil, t.syntaxError(err)
	}
	places, err := t.scan(meta.Keys())
	if wrong := (*Mistake)(nil); errors.As(err, &wrong) {
		return nil, wrong
	}
	if err != nil {
		return nil, fmt.Errorf("%s: this file cannot be read: %w", path, err)
	}
	return locate(plain, "", places, Place{Path: path, Line: 1, Col: 1}), nil
}

// locate joins values and their places; what has none is where that is which it is part of.
func locate(plain any, path string, places map[string]Place, outer Place) *Value {
	if place, ok := places[path]; ok {
		outer = place
	}
	v := &Value{From: outer}
	switch plain := plain.(type) {
	case map[string]any:
		v.Table = make(map[string]*Value, len(plain))
		for key, inner := range plain {
			v.Table[key] = locate(inner, pathOf(path, key), places, outer)
		}
	case []any:
		v.List = make([]*Value, len(plain))
		for i, item := range plain {
			v.List[i] = locate(item, pathOf(path, i), places, outer)
		}
	case []map[string]any:
		v.List = make([]*Value, len(plain))
		for i, item := range plain {
			v.List[i] = locate(item, pathOf(path, i), places, outer)
		}
	default:
		v.Leaf = plain
	}
	return v
}
