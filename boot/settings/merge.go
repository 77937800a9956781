// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"maps"
	"slices"
	"strings"

	"machined-go/boot/settings/schema"
)

// wholes are the lists of which a later one takes the place of an earlier one: they are command lines. To all other lists later
// files add.
var wholes = []string{"command", "init_arguments", "health.command"}

// identities are by which keys a table of a list takes the place of one that an earlier file has.
var identities = map[string][]string{
	"bind":                   {"target", "source"},
	"tmpfs":                  {"target"},
	"overlay":                {"target", "upper"},
	"volume":                 {"target"},
	"device":                 {"target", "path"},
	"integration.credential": {"id"},
}

// Wholes are the lists that are replaced, not added to.
func Wholes() []string { return slices.Clone(wholes) }

// Identity says by which key a table of a list is the same as another; of several keys, the first counts that a table has.
type Identity struct {
	List string
	Keys []string
}

// Identities are those of all lists of tables, by name.
func Identities() []Identity {
	var all []Identity
	for _, list := range slices.Sorted(maps.Keys(identities)) {
		all = append(all, Identity{list, identities[list]})
	}
	return all
}

// merge adds what a later file says to what earlier ones said. Empty lists clear.
func merge(old, later *Value, t *schema.Type, path []string) *Value {
	switch {
	case old == nil:
		return later.clone()
	case later.Table != nil && old.Table != nil:
		for key, inner := range later.Table {
			innerType := t.Elem
			if t.Kind == schema.Table {
				f, _ := t.Field(key)
				innerType = f.Type
			}
			old.Table[key] = merge(old.Table[key], inner, innerType, append(path[:len(path):len(path)], key))
		}
		return old
	case t.Kind == schema.List && len(later.List) > 0 && !slices.Contains(wholes, strings.Join(path, ".")):
		return mergeList(old, later, identities[strings.Join(path, ".")])
	}
	return later.clone()
}

func mergeList(old, later *Value, identity []string) *Value {
	for _, item := range later.List {
		same := func(o *Value) bool { return o.equal(item) }
		if id := identify(item, identity); id != "" {
			same = func(o *Value) bool { return identify(o, identity) == id }
		}
		item = item.clone()
		if i := slices.IndexFunc(old.List, same); i < 0 {
			old.List = append(old.List, item)
		} else if item.Table != nil {
			old.List[i] = item
		}
	}
	return old
}

// identify gives what a table of a list is known by.
func identify(item *Value, identity []string) string {
	for _, key := range identity {
		if v := item.at([]string{key}); v != nil && v.Leaf != nil {
			if text, ok := v.Leaf.(string); ok && text != "" {
				return text
			}
		}
	}
	return ""
}
