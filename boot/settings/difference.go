// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"regexp"
	"slices"
	"strings"

	"machined-go/boot/settings/schema"
)

// Difference is a setting that is not the same in two places.
type Difference struct {
	Key     []string
	Default string // in words; empty if none are known
	Now     *Value // nil: nothing is said of it
	Then    *Value // likewise
}

// Compare gives the settings that a machine has in one case or the other, with their defaults, in the order of the reference page.
func Compare(now, then *Settings) []Difference {
	var list []Difference
	t := Documented()
	for _, s := range []*Settings{then, now} {
		for _, row := range s.Rows() {
			if slices.ContainsFunc(list, func(d Difference) bool { return keyText(d.Key...) == keyText(row.Key...) }) {
				continue
			}
			f, _ := t.Find(row.Key)
			list = append(list, Difference{row.Key, defaultOf(f), now.root.at(row.Key), then.root.at(row.Key)})
		}
	}
	return list
}

// Name is the setting's key, dotted.
func (d Difference) Name() string { return keyText(d.Key...) }

// Same tells whether a setting is the same in both cases.
func (d Difference) Same() bool {
	return d.Now == nil && d.Then == nil || d.Now != nil && d.Then != nil && d.Now.equal(d.Then)
}

// defaults are how documentation names them.
const defaults = `by default ((?:[^.;]|\.\w)+)|"([^"]+)", the default|"([^"]+)" \([^)]*the default\)`

// defaultOf finds what a setting is if nothing is said of it in its documentation.
func defaultOf(f schema.Field) string {
	if m := regexp.MustCompile(defaults).FindStringSubmatch(f.Doc); m != nil {
		return strings.Trim(m[1]+m[2]+m[3], `"`)
	}
	switch f.Type.Kind {
	case schema.Bool:
		return "false"
	case schema.List:
		return "[]"
	}
	return ""
}
