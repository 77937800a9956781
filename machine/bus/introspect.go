// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"fmt"
	"strings"
)

const introspectHead = `<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
"https://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
<node>
`

// introspect describes an object by its tables and names its children.
func introspect(o *object) string {
	var b strings.Builder
	b.WriteString(introspectHead)
	// The standard interfaces come first, as sd-bus has them.
	own := 0
	for own < len(o.ifaces) && !strings.HasPrefix(o.ifaces[own].name, "org.freedesktop.DBus.") {
		own++
	}
	for _, i := range o.ifaces[own:] {
		i.describe(&b)
	}
	for _, i := range o.ifaces[:own] {
		i.describe(&b)
	}
	for _, child := range o.children {
		fmt.Fprintf(&b, " <node name=%q/>\n", child)
	}
	b.WriteString("</node>\n")
	return b.String()
}

func (i *iface) describe(b *strings.Builder) {
	fmt.Fprintf(b, " <interface name=%q>\n", i.name)
	for k := range i.props {
		p := &i.props[k]
		if p.hidden {
			continue
		}
		access := "read"
		if p.set != nil {
			access = "readwrite"
		}
		fmt.Fprintf(b, "  <property name=%q type=%q access=%q>\n", p.name, p.sig, access)
		fmt.Fprintf(b, "   <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" value=%q/>\n  </property>\n", p.emits)
	}
	for k := range i.methods {
		m := &i.methods[k]
		fmt.Fprintf(b, "  <method name=%q>\n", m.name)
		m.in.describe(b, ` direction="in"`)
		m.out.describe(b, ` direction="out"`)
		b.WriteString("  </method>\n")
	}
	for _, s := range i.signals {
		fmt.Fprintf(b, "  <signal name=%q>\n", s.name)
		s.args.describe(b, "")
		b.WriteString("  </signal>\n")
	}
	b.WriteString(" </interface>\n")
}

func (a args) describe(b *strings.Builder, direction string) {
	for _, x := range a.list() {
		name := ""
		if x.name != "" {
			name = fmt.Sprintf(" name=%q", x.name)
		}
		fmt.Fprintf(b, "   <arg type=%q%s%s/>\n", x.sig, name, direction)
	}
}
