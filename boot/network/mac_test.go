// SPDX-License-Identifier: Apache-2.0

package network

import (
	"encoding/hex"
	"testing"
)

// id reads a machine id.
func id(t testing.TB, text string) (id [16]byte) {
	t.Helper()
	if _, err := hex.Decode(id[:], []byte(text)); err != nil {
		t.Fatal(err)
	}
	return id
}

// The expected values were read off hosts of these machine ids on which systemd-nspawn 252 and 262 ran machines of these names.
func TestHardwareAddresses(t *testing.T) {
	const old, new = "12da9462cdf14014a98943d3386a7586", "691889341c3f443b8abe753af87448f5"
	for _, tt := range []struct {
		name    string
		host    string
		key     key
		machine string
		index   int
		want    string
	}{
		{"host", old, hostKey, "deb", 0, "ea:52:87:5b:44:09"},
		{"guest", old, guestKey, "deb", 0, "6e:0c:8b:c0:67:f3"},
		{"host of a long name", old, hostKey, "a-very-long-machine-name", 0, "ca:27:42:53:c5:4d"},
		{"host", new, hostKey, "deb", 0, "16:14:b2:bf:85:9d"},
		{"guest", new, guestKey, "deb", 0, "5a:1d:59:af:98:48"},
		{"host of first extra", new, extraHostKey, "deb", 0, "0e:82:40:11:de:b5"},
		{"guest of first extra", new, extraGuestKey, "deb", 0, "7e:db:ff:af:39:14"},
		{"guest of second extra", new, extraGuestKey, "deb", 1, "fa:a1:c9:43:33:1c"},
		{"first macvlan", new, macvlanKey, "deb", 0, "3e:7c:8e:f1:df:9b"},
		{"second macvlan", new, macvlanKey, "deb", 1, "b2:bc:dc:15:a2:cd"},
		{"third macvlan", new, macvlanKey, "deb", 2, "12:32:06:13:0c:e3"},
	} {
		if got := hardwareAddr(tt.key, id(t, tt.host), tt.machine, tt.index).String(); got != tt.want {
			t.Errorf("address of %s of %q is %s, nspawn's is %s", tt.name, tt.machine, got, tt.want)
		}
	}
}
