// SPDX-License-Identifier: Apache-2.0

package unitgen

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	for _, tt := range []struct{ machine, service, scope string }{
		{"deb", "contain@deb.service", "machine-deb.scope"},
		{"my-c1", "contain@my-c1.service", `machine-my\x2dc1.scope`},
		{"a.b_c", "contain@a.b_c.service", "machine-a.b_c.scope"},
	} {
		if got := Service(tt.machine); got != tt.service {
			t.Errorf("service of %q is %q, want %q", tt.machine, got, tt.service)
		}
		if got := Scope(tt.machine); got != tt.scope {
			t.Errorf("scope of %q is %q, want %q", tt.machine, got, tt.scope)
		}
	}
}

func TestShippedUnits(t *testing.T) {
	for name, want := range map[string]string{
		"contain@.service":            Contain("/usr/bin/mctl"),
		"machined-go.service":         Daemon("/usr/bin/machined-go"),
		"machined-go.socket":          Socket(),
		"machined-go-health@.service": Health("/usr/bin/mctl"),
		"machined-go-network.service": Network("/usr/bin/machined-go"),
		"machined-go-network.path":    NetworkPath(),
		"machines.target":             Machines(),
	} {
		shipped, err := os.ReadFile("../dist/systemd/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(shipped)); diff != "" {
			t.Errorf("dist/systemd/%s is not what unitgen prints (-unitgen +shipped):\n%s", name, diff)
		}
	}
}
