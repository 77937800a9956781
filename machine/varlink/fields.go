// SPDX-License-Identifier: Apache-2.0

package varlink

import "strings"

// fields is a list of fields as Varlink writes them, on one line:
// "name: string, ids: ?[]int".
type fields string

// field is one of them; typ is empty in an enumeration.
type field struct{ name, typ string }

func (f fields) list() []field {
	if f == "" {
		return nil
	}
	var list []field
	for part := range strings.SplitSeq(string(f), ", ") {
		name, typ, _ := strings.Cut(part, ": ")
		list = append(list, field{name, typ})
	}
	return list
}

// describe writes the interface as GetInterfaceDescription gives it.
func (i *iface) describe() string {
	var b strings.Builder
	b.WriteString("interface " + i.name + "\n")
	for _, t := range i.types {
		b.WriteString("\ntype " + t.name)
		t.def.describe(&b)
		b.WriteString("\n")
	}
	for _, m := range i.methods {
		b.WriteString("\nmethod " + m.name)
		m.in.describe(&b)
		b.WriteString(" -> ")
		m.out.describe(&b)
		b.WriteString("\n")
	}
	for _, e := range i.errors {
		b.WriteString("\nerror " + e.name)
		e.def.describe(&b)
		b.WriteString("\n")
	}
	return b.String()
}

func (f fields) describe(b *strings.Builder) {
	sep := ""
	b.WriteString("(")
	for _, x := range f.list() {
		b.WriteString(sep + "\n\t" + x.name)
		if x.typ != "" {
			b.WriteString(": " + x.typ)
		}
		sep = ","
	}
	if sep != "" {
		b.WriteString("\n")
	}
	b.WriteString(")")
}
