// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// prune takes the fields that the specification does not have out of a configuration.
func prune(root map[string]any) []Note {
	var notes []Note
	pruneObject(root, reflect.TypeFor[specs.Spec](), "", &notes)
	return notes
}

func pruneObject(object map[string]any, t reflect.Type, path string, notes *[]Note) {
	fields := fieldsOf(t)
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := name
		if path != "" {
			at = path + "." + name
		}
		field, ok := fields[name]
		if !ok {
			delete(object, name)
			*notes = append(*notes, Note{at, "unknown field, ignored"})
			continue
		}
		pruneValue(object[name], field, at, notes)
	}
}

func pruneValue(value any, t reflect.Type, path string, notes *[]Note) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := value.(type) {
	case map[string]any:
		switch t.Kind() {
		case reflect.Struct:
			pruneObject(v, t, path, notes)
		case reflect.Map:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				pruneValue(v[name], t.Elem(), path+"."+name, notes)
			}
		}
	case []any:
		if t.Kind() == reflect.Slice {
			for i, member := range v {
				pruneValue(member, t.Elem(), fmt.Sprintf("%s[%d]", path, i), notes)
			}
		}
	}
}

// fieldsOf are the JSON names in a struct.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			maps.Copy(fields, fieldsOf(f.Type))
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = f.Type
	}
	return fields
}

// kindName says what a value of Go's type t is in JSON.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a number within " + t.Kind().String()
}
