// SPDX-License-Identifier: Apache-2.0

package network

import (
	"strings"
	"testing"
)

func TestShorten(t *testing.T) {
	for _, tt := range []struct{ full, name, alternative string }{
		{"ve-deb", "ve-deb", ""},
		{"ve-exactly12chr", "ve-exactly12chr", ""},
		{"ve-a-very-long-machine-name", "ve-a-very-lm3p6", "ve-a-very-long-machine-name"},
		{"mv-a-long-name-123", "mv-a-long-n8tCn", "mv-a-long-name-123"},
	} {
		name, alternative := shorten(tt.full)
		if name != tt.name || alternative != tt.alternative {
			t.Errorf("%q is shortened to %q, %q; nspawn's is %q, %q", tt.full, name, alternative, tt.name, tt.alternative)
		}
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"eth0", "a.b-c_d", "exactly-15-char", "x"} {
		if err := checkNew(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", "all", "default", "42", "a b", "a/b", "a:b", "ä", "eth%d", "a\x00", "a\n", "exactly-16-chars"} {
		if err := checkNew(name); err == nil {
			t.Errorf("%q is taken for a name", name)
		}
	}
	if err := checkName(strings.Repeat("a", maxAlternative)); err != nil {
		t.Error(err)
	}
	if err := checkName(strings.Repeat("a", maxAlternative+1)); err == nil {
		t.Error("a name that is too long for an alternative one is taken")
	}
}

func TestPairs(t *testing.T) {
	for text, want := range map[string]pair{"eth0": {"eth0", "mv-eth0"}, "eth0:lan": {"eth0", "lan"}} {
		if got, err := parsePair(text, "mv-"); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", ":", "eth0:", ":eth0", "eth0:a:b", "eth0:exactly-16-chars", "eth 0"} {
		if got, err := parsePair(text, ""); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

// Whatever a machine is called, the interface has a name that the kernel takes, and an address that may be given to it.
func FuzzShorten(f *testing.F) {
	f.Add("deb")
	f.Add("a-machine-with.a_long.name")
	f.Fuzz(func(t *testing.T, machine string) {
		name, alternative := shorten("ve-" + machine)
		if len(name) > maxName || !strings.HasPrefix(name, "ve-") || (alternative != "") != (len(machine) > maxName-3) {
			t.Errorf("%q, %q", name, alternative)
		}
		if mac := hardwareAddr(hostKey, [16]byte{}, machine, 0); len(mac) != 6 || mac[0]&3 != 2 {
			t.Errorf("address %s", mac)
		}
	})
}
