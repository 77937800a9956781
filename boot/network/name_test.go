// SPDX-License-Identifier: Apache-2.0

package network

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The expected values were read off a host on which systemd-nspawn 252 ran machines of these names.
const nspawnHost = "12da9462cdf14014a98943d3386a7586"

func TestHardwareAddresses(t *testing.T) {
	var id [16]byte
	if _, err := hex.Decode(id[:], []byte(nspawnHost)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		key     key
		machine string
		want    string
	}{
		{"host", hostKey, "deb", "ea:52:87:5b:44:09"},
		{"guest", guestKey, "deb", "6e:0c:8b:c0:67:f3"},
		{"host of a long name", hostKey, "a-very-long-machine-name", "ca:27:42:53:c5:4d"},
	} {
		if got := hardwareAddr(tt.key, id, tt.machine).String(); got != tt.want {
			t.Errorf("%s address of %q is %s, nspawn's is %s", tt.name, tt.machine, got, tt.want)
		}
	}
}

func TestHostName(t *testing.T) {
	for _, tt := range []struct{ machine, name, alternative string }{
		{"deb", "ve-deb", ""},
		{"exactly12chr", "ve-exactly12chr", ""},
		{"a-very-long-machine-name", "ve-a-very-lm3p6", "ve-a-very-long-machine-name"},
	} {
		name, alternative := HostName(tt.machine)
		if name != tt.name || alternative != tt.alternative {
			t.Errorf("interface of %q is %q, %q; nspawn's is %q, %q", tt.machine, name, alternative, tt.name, tt.alternative)
		}
	}
}

// Whatever a machine is called, the interface has a name that the kernel takes
// (dev_valid_name), and an address that may be given to it.
func FuzzHostName(f *testing.F) {
	f.Add("deb")
	f.Add("a-machine-with.a_long.name")
	f.Fuzz(func(t *testing.T, machine string) {
		name, alternative := HostName(machine)
		if len(name) > maxName || !strings.HasPrefix(name, "ve-") || (alternative != "") != (len(machine) > maxName-3) {
			t.Errorf("%q, %q", name, alternative)
		}
		if mac := hardwareAddr(hostKey, [16]byte{}, machine); len(mac) != 6 || mac[0]&3 != 2 {
			t.Errorf("address %s", mac)
		}
	})
}
