// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// check decodes the parameters of a call by the method's fields. What is
// unknown, missing or of another type gives InvalidParameter with its name.
// Strings become string, numbers json.Number, lists []any, objects
// map[string]any; what is absent or null is absent.
func (i *iface) check(in fields, given values) (map[string]any, error) {
	args, bad, ok := i.decodeFields(in, given)
	if !ok {
		return nil, invalidParameter(bad)
	}
	return args, nil
}

// decodeFields decodes fields, or names one that is wrong, whose name may be
// empty.
func (i *iface) decodeFields(in fields, given values) (args map[string]any, bad string, ok bool) {
	list := in.list()
	for name := range given {
		if !slices.ContainsFunc(list, func(f field) bool { return f.name == name }) {
			return nil, name, false
		}
	}
	args = make(map[string]any, len(given))
	for _, f := range list {
		raw, ok := given[f.name]
		typ, optional := strings.CutPrefix(f.typ, "?")
		if !ok || string(raw) == "null" {
			if !optional {
				return nil, f.name, false
			}
			continue
		}
		v, ok := i.decode(typ, raw)
		if !ok {
			return nil, f.name, false
		}
		args[f.name] = v
	}
	return args, "", true
}

func (i *iface) decode(typ string, raw json.RawMessage) (any, bool) {
	if elem, ok := strings.CutPrefix(typ, "[]"); ok {
		return i.decodeList(elem, raw)
	}
	switch typ {
	case "bool":
		v, ok := parseFlag(raw)
		return v, ok && string(raw) != "null"
	case "int":
		return json.Number(raw), isInteger(string(raw))
	case "string":
		return decodeString(raw)
	case "object":
		return parseObject(raw)
	}
	t, ok := i.typ(typ)
	switch list := t.def.list(); {
	case !ok:
		return nil, false
	case list[0].typ == "":
		word, ok := decodeString(raw)
		return word, ok && slices.Contains(list, field{name: word})
	}
	given, ok := parseObject(raw)
	if !ok {
		return nil, false
	}
	v, _, ok := i.decodeFields(t.def, given)
	return v, ok
}

func (i *iface) decodeList(elem string, raw json.RawMessage) (any, bool) {
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil || parts == nil {
		return nil, false
	}
	list := make([]any, 0, min(len(parts), 64))
	for _, p := range parts {
		v, ok := i.decode(elem, p)
		if !ok {
			return nil, false
		}
		list = append(list, v)
	}
	return list, true
}

// decodeString takes no NUL, which no string of the system can hold.
func decodeString(raw json.RawMessage) (s string, ok bool) {
	ok = len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil && strings.IndexByte(s, 0) < 0
	return s, ok
}

// isInteger tells whether a JSON value is a whole number of 64 bits, with sign
// or without: sizes use all of the latter.
func isInteger(s string) bool {
	if _, err := strconv.ParseInt(s, 10, 64); err == nil {
		return true
	}
	_, err := strconv.ParseUint(s, 10, 64)
	return err == nil
}
