// SPDX-License-Identifier: Apache-2.0

package network

import "testing"

func TestPorts(t *testing.T) {
	for text, want := range map[string]Port{
		"80":            {"tcp", 80, 80},
		"8080:80":       {"tcp", 8080, 80},
		"tcp:8080:80":   {"tcp", 8080, 80},
		"udp:53":        {"udp", 53, 53},
		"udp:65535:1":   {"udp", 65535, 1},
		"tcp:0080:0443": {"tcp", 80, 443},
	} {
		if got, err := parsePort(text); err != nil || got != want {
			t.Errorf("%q is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "tcp", "tcp:", ":80", "80:", "0", "65536", "80:0", "80:65536", "-1", "+1", "http", "sctp:80", "tcp:udp:80", "80:80:80", "80 ", "0x50"} {
		if got, err := parsePort(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}
