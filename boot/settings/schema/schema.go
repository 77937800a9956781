// SPDX-License-Identifier: Apache-2.0

// Package schema tells of the Go types of settings what their files may say: keys, kinds of values, and documentation. What checks a
// file, the JSON schema and the reference page all come from it.
package schema

import (
	"encoding"
	"math"
	"reflect"
	"strings"
)

// Kind is a kind of value.
type Kind int

// Kinds of values. A Map has keys that the user chooses, a Table those of a struct.
const (
	Unknown Kind = iota
	String
	Bool
	Integer
	Float
	List
	Map
	Table
)

// Type is what a value may be.
type Type struct {
	Kind   Kind
	Min    int64 // of an Integer
	Max    int64
	Elem   *Type // of the items of a List or Map
	Fields []Field
	Name   string // of the Go type of a Table
}

// Field is a key of a Table.
type Field struct {
	Key   string
	Type  *Type
	Index []int  // of the struct's field, see [reflect.Value.FieldByIndex]
	Owner string // name of the struct that has it
	Doc   string // what it is, in sentences
}

var unmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

// Of gives the type of settings that are held by values of a Go type: keys are the toml tags of its fields.
func Of(t reflect.Type) *Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return &Type{Kind: String}
	}
	switch t.Kind() {
	case reflect.String:
		return &Type{Kind: String}
	case reflect.Bool:
		return &Type{Kind: Bool}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &Type{Kind: Integer, Min: math.MinInt64 >> (64 - t.Bits()), Max: math.MaxInt64 >> (64 - t.Bits())}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &Type{Kind: Integer, Max: int64(min(uint64(math.MaxUint64)>>(64-t.Bits()), math.MaxInt64))}
	case reflect.Float64:
		return &Type{Kind: Float}
	case reflect.Slice:
		return &Type{Kind: List, Elem: Of(t.Elem())}
	case reflect.Map:
		return &Type{Kind: Map, Elem: Of(t.Elem())}
	case reflect.Struct:
		return &Type{Kind: Table, Fields: fields(t), Name: t.Name()}
	}
	return &Type{}
}

func fields(t reflect.Type) []Field {
	var list []Field
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
		switch {
		case f.Anonymous:
			for _, inner := range fields(f.Type) {
				inner.Index = append([]int{i}, inner.Index...)
				list = append(list, inner)
			}
		case key != "" && key != "-":
			list = append(list, Field{Key: key, Type: Of(f.Type), Index: []int{i}, Owner: t.Name()})
		}
	}
	return list
}

// Field gives the field of a key.
func (t *Type) Field(key string) (Field, bool) {
	for _, f := range t.Fields {
		if f.Key == key {
			return f, true
		}
	}
	return Field{}, false
}

// Find gives what a key means that may be dotted, such as "network.veth" or "environment.LANG". In lists of tables it looks into
// the table: "bind.source".
func (t *Type) Find(path []string) (Field, bool) {
	f := Field{Type: t}
	for _, key := range path {
		inner := f.Type
		if inner.Kind == List {
			inner = inner.Elem
		}
		switch inner.Kind {
		case Table:
			next, ok := inner.Field(key)
			if !ok {
				return Field{}, false
			}
			f = next
		case Map:
			f = Field{Key: key, Type: inner.Elem}
		default:
			return Field{}, false
		}
	}
	return f, true
}

// Keys lists all keys, dotted, in the order of the Go types: tables before what is in them.
func (t *Type) Keys() []string {
	var keys []string
	t.Walk(func(path []string, _ Field) { keys = append(keys, strings.Join(path, ".")) })
	return keys
}

// Walk calls f for all keys, in the order of the Go types: tables before what is in them.
func (t *Type) Walk(f func(path []string, field Field)) { t.walk(nil, f) }

func (t *Type) walk(path []string, f func([]string, Field)) {
	if t.Kind == List {
		t = t.Elem
	}
	for _, field := range t.Fields {
		inner := append(path[:len(path):len(path)], field.Key)
		f(inner, field)
		field.Type.walk(inner, f)
	}
}

// String says in words what a value of the type is.
func (t *Type) String() string {
	switch t.Kind {
	case String:
		return "a string"
	case Bool:
		return "true or false"
	case Integer:
		return "an integer"
	case Float:
		return "a number"
	case List:
		return "a list of " + t.Elem.plural()
	case Map:
		return "a table of " + t.Elem.plural()
	case Table:
		return "a table"
	}
	return "something unknown"
}

func (t *Type) plural() string {
	switch t.Kind {
	case String:
		return "strings"
	case Table:
		return "tables"
	case Integer:
		return "integers"
	}
	return "values, each " + t.String()
}

// Document attaches texts to keys.
func (t *Type) Document(docs []Doc) { t.document(nil, docs) }

// Doc is what a key is, in sentences.
type Doc struct{ Key, Text string }

func (t *Type) document(path []string, docs []Doc) {
	if t.Kind == List {
		t = t.Elem
	}
	for i := range t.Fields {
		f := &t.Fields[i]
		inner := append(path[:len(path):len(path)], f.Key)
		key := strings.Join(inner, ".")
		for _, d := range docs {
			if d.Key == key {
				f.Doc = d.Text
			}
		}
		f.Type.document(inner, docs)
	}
}
