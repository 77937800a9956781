// SPDX-License-Identifier: Apache-2.0

package network

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlan(t *testing.T) {
	for name, tt := range map[string]struct {
		wish Wish
		want []string
	}{
		"host": {Wish{}, []string{"share the network of the host"}},
		"none": {Wish{Private: true}, nil},
		"join": {Wish{Private: true, Path: "/run/netns/vpn"}, []string{"join network namespace /run/netns/vpn"}},
		"veth": {Wish{Private: true, Veth: true}, []string{"veth ve-deb (16:14:b2:bf:85:9d) to host0 (5a:1d:59:af:98:48) in the machine"}},
		"mac":  {Wish{Private: true, Veth: true, MAC: "02:00:00:00:00:01"}, []string{"veth ve-deb (16:14:b2:bf:85:9d) to host0 (02:00:00:00:00:01) in the machine"}},
		"bridge": {Wish{Private: true, Veth: true, Bridge: "br0"},
			[]string{"veth vb-deb (16:14:b2:bf:85:9d) to host0 (5a:1d:59:af:98:48) in the machine", "join bridge br0"}},
		"all in nspawn's order": {
			Wish{
				Private: true, Veth: true, Zone: "foo", VethExtra: []string{"xa:xb", "ya"}, Interfaces: []string{"eth1", "eth2:lan"},
				MACVLAN: []string{"eth0", "eth0:two", "a-long-name-123"}, IPVLAN: []string{"eth3"}, Ports: []string{"8080:80", "udp:53"},
			},
			[]string{
				"move interface eth1 into the machine",
				"move interface eth2 into the machine as lan",
				"veth vb-deb (16:14:b2:bf:85:9d) to host0 (5a:1d:59:af:98:48) in the machine",
				"join bridge vz-foo, making it if it is missing",
				"veth xa (0e:82:40:11:de:b5) to xb (7e:db:ff:af:39:14) in the machine",
				"veth ya (6a:1a:05:39:93:39) to ya (fa:a1:c9:43:33:1c) in the machine",
				"macvlan mv-eth0 of eth0 in the machine (3e:7c:8e:f1:df:9b)",
				"macvlan two of eth0 in the machine (b2:bc:dc:15:a2:cd)",
				"macvlan mv-a-long-n8tCn of a-long-name-123 in the machine (12:32:06:13:0c:e3)",
				"ipvlan iv-eth3 of eth3 in the machine",
				"lead tcp port 8080 of the host to port 80 of the machine",
				"lead udp port 53 of the host to port 53 of the machine",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.wish.Machine, tt.wish.HostID = "deb", id(t, "691889341c3f443b8abe753af87448f5")
			plan, err := NewPlan(tt.wish)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, plan.Lines()); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWishesThatAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		wish Wish
		want string
	}{
		"host's network and a pair":   {Wish{Veth: true}, "without a private network"},
		"host's network and ports":    {Wish{Ports: []string{"80"}}, "without a private network"},
		"host's network and a path":   {Wish{Path: "/run/netns/x"}, "without a private network"},
		"path and pair":               {Wish{Private: true, Path: "/run/netns/x", Veth: true}, "cannot be combined"},
		"path and ports":              {Wish{Private: true, Path: "/run/netns/x", Ports: []string{"80"}}, "cannot be combined"},
		"relative path":               {Wish{Private: true, Path: "netns/x"}, "not an absolute path"},
		"bridge and zone":             {Wish{Private: true, Veth: true, Bridge: "br0", Zone: "a"}, "bridge and zone"},
		"zone without pair":           {Wish{Private: true, Zone: "a"}, "drop veth = false"},
		"long zone":                   {Wish{Private: true, Veth: true, Zone: "thirteen-char"}, "longer than 15"},
		"bad zone":                    {Wish{Private: true, Veth: true, Zone: "a/b"}, "zone \"a/b\""},
		"bad bridge":                  {Wish{Private: true, Veth: true, Bridge: "a b"}, "bridge: interface name"},
		"bad mac":                     {Wish{Private: true, Veth: true, MAC: "01:00:00:00:00:00"}, "not a hardware address of one interface"},
		"no mac":                      {Wish{Private: true, Veth: true, MAC: "00:00:00:00:00:00"}, "not a hardware address of one interface"},
		"long mac":                    {Wish{Private: true, Veth: true, MAC: "02:00:00:00:00:00:00:01"}, "not a hardware address of one interface"},
		"extra on a long name":        {Wish{Private: true, VethExtra: []string{"this-name-is-too-long:a"}}, "veth_extra: interface name"},
		"extra twice":                 {Wish{Private: true, VethExtra: []string{"a:b", "a:c"}}, `"a" would be there twice on the host`},
		"host0 twice":                 {Wish{Private: true, Veth: true, MACVLAN: []string{"eth0:host0"}}, `"host0" would be there twice in the machine`},
		"lo twice":                    {Wish{Private: true, Interfaces: []string{"eth0:lo"}}, `"lo" would be there twice in the machine`},
		"two interfaces of one name":  {Wish{Private: true, Interfaces: []string{"eth0:x"}, IPVLAN: []string{"eth1:x"}}, `"x" would be there twice`},
		"bad interface":               {Wish{Private: true, Interfaces: []string{"eth0:"}}, "interfaces: interface name is empty"},
		"bad macvlan":                 {Wish{Private: true, MACVLAN: []string{"42"}}, "macvlan: interface name"},
		"bad ipvlan":                  {Wish{Private: true, IPVLAN: []string{"eth0:a:b"}}, "ipvlan: interface name"},
		"bad port":                    {Wish{Private: true, Ports: []string{"http"}}, `port "http" is not`},
		"port twice":                  {Wish{Private: true, Ports: []string{"80", "tcp:80:81"}}, "tcp port 80 of the host is there twice"},
		"names that shorten to hosts": {Wish{Private: true, Veth: true, VethExtra: []string{"ve-deb"}}, `"ve-deb" would be there twice on the host`},
	} {
		tt.wish.Machine = "deb"
		if _, err := NewPlan(tt.wish); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got error %v, want %q", name, err, tt.want)
		}
	}
	if _, err := NewPlan(Wish{Machine: "deb", Private: true, Ports: []string{"53", "udp:53"}}); err != nil {
		t.Errorf("tcp and udp port of one number: %v", err)
	}
}
