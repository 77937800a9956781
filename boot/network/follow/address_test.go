// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func TestChoose(t *testing.T) {
	at := func(addr, name string, index, scope, flags int) address {
		return address{netip.MustParseAddr(addr), name, index, scope, flags}
	}
	const global, link, host = unix.RT_SCOPE_UNIVERSE, unix.RT_SCOPE_LINK, unix.RT_SCOPE_HOST
	docker := at("172.17.0.1", "docker0", 2, global, 0)
	given := []string{"host0", "mv-eth0"}
	for name, tt := range map[string]struct {
		list []address
		four bool
		want string
	}{
		"none":               {nil, true, ""},
		"loopback":           {[]address{at("127.0.0.1", "lo", 1, host, 0)}, true, ""},
		"global on loopback": {[]address{at("127.0.0.2", "lo", 1, global, 0)}, true, ""},
		"link":               {[]address{at("169.254.1.1", "host0", 3, link, 0), at("fe80::1", "host0", 3, link, 0)}, true, ""},
		"of the family":      {[]address{at("10.0.0.2", "host0", 3, global, 0), at("fd00::2", "host0", 3, global, 0)}, false, "fd00::2"},
		"first interface":    {[]address{at("10.0.1.2", "mv-eth0", 4, global, 0), at("10.0.0.2", "host0", 3, global, 0)}, true, "10.0.0.2"},
		"given one":          {[]address{docker, at("10.0.0.2", "host0", 3, global, 0)}, true, "10.0.0.2"},
		"no given one":       {[]address{docker}, true, "172.17.0.1"},
		"first address":      {[]address{at("10.0.0.2", "host0", 3, global, 0), at("10.0.0.3", "host0", 3, global, 0)}, true, "10.0.0.2"},
		"not ready": {[]address{
			at("fd00::2", "host0", 3, global, unix.IFA_F_TENTATIVE), at("fd00::3", "host0", 3, global, unix.IFA_F_DEPRECATED),
			at("fd00::4", "host0", 3, global, unix.IFA_F_DADFAILED),
		}, false, ""},
		"lasting": {[]address{at("fd00::2", "host0", 3, global, unix.IFA_F_TEMPORARY), at("fd00::3", "host0", 3, global, 0)}, false, "fd00::3"},
	} {
		got := choose(tt.list, tt.four, given)
		if want, _ := netip.ParseAddr(tt.want); got != want {
			t.Errorf("%s: chose %v, want %v", name, got, want)
		}
	}
}
