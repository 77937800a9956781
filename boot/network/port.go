// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"strconv"
	"strings"
)

// Port is a port of the host that leads into a machine.
type Port struct {
	Protocol string // "tcp" or "udp"
	Host     uint16 // port on the host
	Inside   uint16 // port of the machine
}

func (p Port) String() string { return fmt.Sprintf("%s port %d", p.Protocol, p.Host) }

// parsePort reads "[tcp:|udp:]HOST[:INSIDE]", as --port= of systemd-nspawn(1).
func parsePort(text string) (p Port, err error) {
	p.Protocol = "tcp"
	rest := text
	for _, protocol := range []string{"tcp", "udp"} {
		if after, ok := strings.CutPrefix(text, protocol+":"); ok {
			p.Protocol, rest = protocol, after
		}
	}
	host, inside, given := strings.Cut(rest, ":")
	if !given {
		inside = host
	}
	for _, part := range []struct {
		text string
		to   *uint16
	}{{host, &p.Host}, {inside, &p.Inside}} {
		n, err := strconv.ParseUint(part.text, 10, 16)
		if err != nil || n == 0 {
			return p, fmt.Errorf("port %q is not [tcp:|udp:]HOST[:INSIDE] with numbers from 1 to 65535", text)
		}
		*part.to = uint16(n)
	}
	return p, nil
}
