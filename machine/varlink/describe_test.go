// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The interfaces are, word for word, those that varlinkctl introspect shows of
// systemd-machined 262.
func TestDescriptionsAreStock(t *testing.T) {
	b, err := os.ReadFile("testdata/systemd-262.varlink")
	if err != nil {
		t.Fatal(err)
	}
	f := newFaces()[FaceMachine]
	for part := range strings.SplitSeq("\n"+string(b), "\ninterface ") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, want, _ := strings.Cut(part, "\n")
		i := f.find(name)
		if i == nil {
			t.Errorf("no interface %s", name)
			continue
		}
		_, got, _ := strings.Cut(i.describe(), "\n")
		got = strings.TrimSpace(got)
		if diff := cmp.Diff(strings.TrimSpace(want), got); diff != "" {
			t.Errorf("%s (-systemd +ours):\n%s", name, diff)
		}
	}
}

// Where systemd-vmspawn takes nothing, ours takes how to ask its user.
func TestInstanceIsStock(t *testing.T) {
	want, err := os.ReadFile("testdata/machineinstance-262.varlink")
	if err != nil {
		t.Fatal(err)
	}
	got := instanceInterface().describe()
	got = strings.ReplaceAll(got, "(\n\tallowInteractiveAuthentication: ?bool\n)", "()")
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-systemd +ours:\n%s", diff)
	}
}

// Every type that a field names is there.
func TestTypesAreDefined(t *testing.T) {
	for name, f := range newFaces() {
		for _, i := range f.ifaces {
			check := func(where string, list fields) {
				for _, x := range list.list() {
					typ := strings.TrimLeft(x.typ, "?[]")
					switch typ {
					case "", "int", "string", "bool", "object":
						continue
					}
					if _, ok := i.typ(typ); !ok {
						t.Errorf("%s: %s.%s: field %s has unknown type %q", name, i.name, where, x.name, typ)
					}
				}
			}
			for _, ty := range i.types {
				check(ty.name, ty.def)
			}
			for _, m := range i.methods {
				check(m.name, m.in)
				check(m.name, m.out)
			}
		}
	}
}
