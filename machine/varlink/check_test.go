// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"encoding/json"
	"slices"
	"sort"
	"strings"
	"testing"
	"unicode/utf8"
)

// hasType tells whether a checked value is what a type of the interface says:
// handlers take it as that without looking again.
func hasType(i *iface, typ string, v any) bool {
	if elem, ok := strings.CutPrefix(typ, "[]"); ok {
		list, ok := v.([]any)
		return ok && !slices.ContainsFunc(list, func(v any) bool { return !hasType(i, elem, v) })
	}
	switch v := v.(type) {
	case bool:
		return typ == "bool"
	case json.Number:
		return typ == "int" && isInteger(v.String())
	case string:
		if typ == "string" {
			return utf8.ValidString(v) && !strings.Contains(v, "\x00")
		}
		t, _ := i.typ(typ)
		return slices.Contains(t.def.list(), field{name: v})
	case values:
		return typ == "object"
	case map[string]any:
		t, ok := i.typ(typ)
		return ok && hasFields(i, t.def, v)
	}
	return false
}

// hasFields tells whether there is all that must be, of its type, and no more.
func hasFields(i *iface, def fields, args map[string]any) bool {
	n := 0
	for _, f := range def.list() {
		typ, optional := strings.CutPrefix(f.typ, "?")
		v, ok := args[f.name]
		if !ok && !optional || ok && !hasType(i, typ, v) {
			return false
		}
		if ok {
			n++
		}
	}
	return n == len(args)
}

// every is all methods of all interfaces, in an order of their own.
func every() (ifaces []*iface, methods []*method) {
	faces := newFaces()
	var names []string
	for name := range faces {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		for _, i := range faces[name].ifaces {
			for k := range i.methods {
				ifaces, methods = append(ifaces, i), append(methods, &i.methods[k])
			}
		}
	}
	return ifaces, methods
}

// What passes the check has the types that the interface describes.
func FuzzCheck(f *testing.F) {
	f.Add(uint8(0), `{"name":"deb","pid":{"pid":1,"pidfdId":18446744073709551615,"bootId":"x"}}`)
	f.Add(uint8(3), `{"name":"a","class":"container","ifIndices":[1,-1],"leader":7,"allocateUnit":true}`)
	f.Add(uint8(9), `{"question":[{"key":{"class":1,"type":28,"name":"\u0000"}}]}`)
	f.Add(uint8(5), `{"mode":"shell","args":["a",null],"environment":[]}`)
	f.Add(uint8(0), `{"":{}}`)
	f.Add(uint8(0), `{"question":[{"":1}]}`)
	f.Add(uint8(1), `{"name":null,"acquireMetadata":"graceful","limit":1e3}`)
	ifaces, methods := every()
	f.Fuzz(func(t *testing.T, which uint8, parameters string) {
		given, ok := parseObject([]byte(parameters))
		if !ok {
			return
		}
		i, m := ifaces[int(which)%len(ifaces)], methods[int(which)%len(methods)]
		args, err := i.check(m.in, given)
		if err != nil {
			return
		}
		if !hasFields(i, m.in, args) {
			t.Errorf("%s.%s(%s) took %s as %v", i.name, m.name, m.in, parameters, args)
		}
		if m.name == "ResolveRecord" {
			c := &call{args: args}
			list, err := c.questions()
			for _, q := range list {
				if err == nil && (q.class > 0xffff || q.kind > 0xffff) {
					t.Errorf("question %+v", q)
				}
			}
		}
	})
}

// What we write is JSON that reads as what it was, but for what is no UTF-8.
func FuzzObject(f *testing.F) {
	f.Add("name", "a\"\\\n\x7f\u2028", uint64(1<<63), true)
	f.Add("\xff", "\xed\xa0\x80", uint64(0), false)
	f.Fuzz(func(t *testing.T, name, value string, n uint64, flag bool) {
		var in, o object
		in.str(name, value)
		o.str("s"+name, value)
		o.uint("n", n)
		o.boolean("b", flag)
		o.strs("l", []string{value, name})
		o.objects("o", []object{nil, in})
		var got map[string]any
		d := json.NewDecoder(strings.NewReader(string(o.end())))
		d.UseNumber()
		if err := d.Decode(&got); err != nil || d.More() {
			t.Fatalf("%v in %q", err, o.end())
		}
		clean := func(s string) string { return string([]rune(s)) }
		list, _ := got["l"].([]any)
		if got["s"+clean(name)] != clean(value) || len(list) != 2 || list[0] != clean(value) || list[1] != clean(name) {
			t.Errorf("%q and %q became %v", name, value, got)
		}
		if number, _ := got["n"].(json.Number); got["b"] != flag || number != json.Number(objectNumber(n)) {
			t.Errorf("%d and %v became %v", n, flag, got)
		}
		if i := strings.IndexFunc(string(o.end()), func(r rune) bool { return r < ' ' }); i >= 0 {
			t.Errorf("control character in %q", o.end())
		}
	})
}

func objectNumber(n uint64) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// A name that is asked for leads to the machine of that name, or to the one
// that it is below, and to no other.
func FuzzDomain(f *testing.F) {
	f.Add("deb", "a.deb")
	f.Add("a.b", "x.a.b.")
	f.Fuzz(func(t *testing.T, machine, domain string) {
		if machine == "" {
			return
		}
		w := &nameWatch{names: map[string]string{strings.ToLower(machine): machine}}
		domain = strings.ToLower(domain)
		name, under := w.of(domain)
		same, below := domain == strings.ToLower(machine), strings.HasSuffix(domain, "."+strings.ToLower(machine))
		if (name != "") != (same || below) || under != (below && !same) {
			t.Errorf("%q leads to %q, %v", domain, name, under)
		}
	})
}
