// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"machined-go/boot/settings/schema"
)

// parseWords reads a value from the words of a command line. Texts are taken as they are: percent signs in them are no specifiers.
func parseWords(t *schema.Type, path []string, words []string) (*Value, error) {
	if t.Kind == schema.List && t.Elem.Kind == schema.String && !(len(words) == 1 && strings.HasPrefix(words[0], "[")) {
		list := &Value{List: []*Value{}}
		for _, word := range words {
			list.List = append(list.List, &Value{Leaf: escape(word)})
		}
		return list, nil
	}
	if len(words) != 1 && t.Kind != schema.List {
		return nil, fmt.Errorf("it takes one value, %s", t)
	}
	switch t.Kind {
	case schema.String:
		return &Value{Leaf: escape(words[0])}, nil
	case schema.Bool:
		if truth(words[0]) == "" {
			return nil, fmt.Errorf("%q is neither yes nor no", words[0])
		}
		return &Value{Leaf: truth(words[0]) == "true"}, nil
	case schema.Integer:
		n, err := strconv.ParseInt(words[0], 0, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no integer", words[0])
		}
		return &Value{Leaf: n}, nil
	case schema.List:
		if len(words) == 1 && strings.HasPrefix(words[0], "[") {
			return parseInline(words[0])
		}
		return parseInline("[" + strings.Join(words, ", ") + "]")
	}
	return parseInline(words[0])
}

// parseInline reads a value as TOML writes it in one line.
func parseInline(text string) (*Value, error) {
	const key = "value"
	v, err := parse("", key+" = "+text)
	var m *Mistake
	if errors.As(err, &m) {
		return nil, fmt.Errorf("%q is no value in TOML: %s", text, strings.TrimSuffix(oneLine(m.Text), remedy))
	}
	if err != nil {
		return nil, err
	}
	if len(v.Table) != 1 || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("%q is no value in TOML", text)
	}
	return v.Table[key], nil
}
