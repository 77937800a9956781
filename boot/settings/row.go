// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"machined-go/boot/settings/schema"
)

// Row is one final value: of a setting, or one item of a list to which several files may have added.
type Row struct {
	Key   []string
	Item  int // its number in a list that grows, or -1
	Value *Value
}

// Rows gives all values, in the order of the reference page.
func (s *Settings) Rows() []Row { return rows(nil, s.root, s.t) }

func rows(path []string, v *Value, t *schema.Type) (list []Row) {
	down := func(key string, inner *schema.Type) {
		if value := v.Table[key]; value != nil {
			list = append(list, rows(append(path[:len(path):len(path)], key), value, inner)...)
		}
	}
	switch {
	case t == nil:
	case t.Kind == schema.Table:
		for _, f := range t.Fields {
			down(f.Key, f.Type)
		}
	case t.Kind == schema.Map:
		for _, key := range slices.Sorted(maps.Keys(v.Table)) {
			down(key, t.Elem)
		}
	case v.isList() && len(v.List) > 0 && !slices.Contains(wholes, strings.Join(path, ".")):
		for i, item := range v.List {
			list = append(list, Row{path, i, item})
		}
	default:
		list = append(list, Row{path, -1, v})
	}
	return list
}

// Name is the setting's key, dotted.
func (r Row) Name() string { return keyText(r.Key...) }

// Below tells whether a row is of one of some settings or sections; no key means all.
func (r Row) Below(keys ...string) bool {
	if len(keys) == 0 {
		return true
	}
	return slices.ContainsFunc(keys, func(key string) bool {
		path, err := ParseKey(key)
		return err == nil && len(path) <= len(r.Key) && slices.Equal(path, r.Key[:len(path)])
	})
}

// MarshalJSON gives a row to programs.
func (r Row) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Key   string `json:"key"`
		Value *Value `json:"value"`
		Place
	}{r.Name(), r.Value, r.Value.From})
}

// without gives the settings less those of a row.
func (s *Settings) without(r Row) *Settings {
	root := s.root.clone()
	if list := root.at(r.Key); r.Item >= 0 && len(list.List) > 1 {
		list.List = slices.Delete(list.List, r.Item, r.Item+1)
	} else {
		root.remove(r.Key)
	}
	return &Settings{Files: s.Files, root: root, t: s.t}
}
