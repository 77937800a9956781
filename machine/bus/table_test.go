// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// The tables say what systemd 262 says of itself, line by line.
func TestTablesAreSystemds(t *testing.T) {
	p := newPaths()
	for file, i := range map[string]*iface{"manager": p.manager, "machine": p.machine, "image": p.image} {
		b, err := os.ReadFile("testdata/" + file + "-262.txt")
		if err != nil {
			t.Fatal(err)
		}
		ours := map[string]bool{}
		for _, line := range i.lines() {
			ours[line] = true
		}
		for line := range strings.Lines(string(b)) {
			line = strings.TrimSpace(line)
			if !ours[line] {
				t.Errorf("%s: we have no %s", file, line)
			}
			delete(ours, line)
		}
		for line := range ours {
			t.Errorf("%s: systemd has no %s", file, line)
		}
	}
}

func (i *iface) lines() []string {
	var list []string
	for _, p := range i.props {
		if !p.hidden {
			list = append(list, fmt.Sprintf("property %s %s %s", p.name, p.sig, p.emits))
		}
	}
	for _, m := range i.methods {
		list = append(list, fmt.Sprintf("method %s (%s) (%s)", m.name, m.in, m.out))
	}
	for _, s := range i.signals {
		list = append(list, fmt.Sprintf("signal %s (%s)", s.name, s.args))
	}
	return list
}

// Every row has a signature that is one and something to run.
func TestTablesAreWhole(t *testing.T) {
	p := newPaths()
	for _, i := range append([]*iface{p.manager, p.machine, p.image, p.own}, p.standard...) {
		for _, m := range i.methods {
			for _, a := range []args{m.in, m.out} {
				if _, err := dbus.ParseSignature(a.signature()); err != nil {
					t.Errorf("%s.%s: %v", i.name, m.name, err)
				}
			}
			if (m.run == nil) == (m.forward == nil) {
				t.Errorf("%s.%s: neither run nor forwarded, or both", i.name, m.name)
			}
		}
		for _, prop := range i.props {
			if prop.get == nil || prop.emits == "" {
				t.Errorf("%s.%s is half", i.name, prop.name)
			}
		}
	}
}

func TestIntrospectionIsXML(t *testing.T) {
	p := newPaths()
	text := introspect(&object{ifaces: append([]*iface{p.machine}, p.standard...), children: []string{"a", "_2ehost"}})
	var node struct {
		Interfaces []struct {
			Name    string `xml:"name,attr"`
			Methods []struct {
				Name string `xml:"name,attr"`
			} `xml:"method"`
		} `xml:"interface"`
		Nodes []struct {
			Name string `xml:"name,attr"`
		} `xml:"node"`
	}
	if err := xml.Unmarshal([]byte(text), &node); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(node.Interfaces) != 4 || node.Interfaces[3].Name != "org.freedesktop.machine1.Machine" || len(node.Nodes) != 2 {
		t.Errorf("got %+v", node)
	}
}

func TestLabel(t *testing.T) {
	for name, want := range map[string]string{".host": "_2ehost", "my-c1": "my_2dc1", "1a": "_31a", "": "_", "a1": "a1", "ä": "_c3_a4"} {
		if got := label(name); got != want {
			t.Errorf("label(%q) = %q, want %q", name, got, want)
		}
		if got, ok := unlabel(want); !ok || got != name {
			t.Errorf("unlabel(%q) = %q, %v", want, got, ok)
		}
	}
	for _, bad := range []string{"", "a_2", "a_zz", "1a", "_61", "_2Ehost"} {
		if got, ok := unlabel(bad); ok {
			t.Errorf("unlabel(%q) = %q, want refusal", bad, got)
		}
	}
}

func FuzzLabel(f *testing.F) {
	f.Add("_2ehost")
	f.Fuzz(func(t *testing.T, s string) {
		if !dbus.ObjectPath("/" + label(s)).IsValid() {
			t.Errorf("label(%q) = %q is no path", s, label(s))
		}
		if got, ok := unlabel(label(s)); !ok || got != s {
			t.Errorf("round trip of %q: %q, %v", s, got, ok)
		}
		if name, ok := unlabel(s); ok && label(name) != s {
			t.Errorf("two labels of %q", name)
		}
	})
}

// What came from the bus as structs must go to the bus as structs.
func TestResend(t *testing.T) {
	for sig, v := range map[string]any{
		"s": "x", "as": []string{"a"}, "a(ss)": [][]any{{"/dev/net/tun", "rwm"}}, "a(sasb)": [][]any{{"/x", []string{"x"}, true}},
		"a{sv}": map[string]dbus.Variant{"k": dbus.MakeVariant(uint32(1))}, "(uu)": []any{uint32(1), uint32(2)}, "t": uint64(7),
	} {
		got, err := resend(dbus.MakeVariantWithSignature(v, dbus.ParseSignatureMust(sig)))
		if err != nil {
			t.Errorf("%s: %v", sig, err)
			continue
		}
		if dbus.SignatureOf(got.Value()).String() != sig {
			t.Errorf("%s became %s", sig, dbus.SignatureOf(got.Value()))
		}
	}
}
