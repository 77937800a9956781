// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// familyNumbers are the families of addresses by name (linux/socket.h).
var familyNumbers = map[string]uint32{
	"AF_UNIX": unix.AF_UNIX, "AF_LOCAL": unix.AF_LOCAL, "AF_INET": unix.AF_INET, "AF_AX25": unix.AF_AX25, "AF_IPX": unix.AF_IPX,
	"AF_APPLETALK": unix.AF_APPLETALK, "AF_NETROM": unix.AF_NETROM, "AF_BRIDGE": unix.AF_BRIDGE, "AF_ATMPVC": unix.AF_ATMPVC,
	"AF_X25": unix.AF_X25, "AF_INET6": unix.AF_INET6, "AF_ROSE": unix.AF_ROSE, "AF_DECnet": unix.AF_DECnet,
	"AF_NETBEUI": unix.AF_NETBEUI, "AF_SECURITY": unix.AF_SECURITY, "AF_KEY": unix.AF_KEY, "AF_NETLINK": unix.AF_NETLINK,
	"AF_ROUTE": unix.AF_ROUTE, "AF_PACKET": unix.AF_PACKET, "AF_ASH": unix.AF_ASH, "AF_ECONET": unix.AF_ECONET,
	"AF_ATMSVC": unix.AF_ATMSVC, "AF_RDS": unix.AF_RDS, "AF_SNA": unix.AF_SNA, "AF_IRDA": unix.AF_IRDA, "AF_PPPOX": unix.AF_PPPOX,
	"AF_WANPIPE": unix.AF_WANPIPE, "AF_LLC": unix.AF_LLC, "AF_IB": unix.AF_IB, "AF_MPLS": unix.AF_MPLS, "AF_CAN": unix.AF_CAN,
	"AF_TIPC": unix.AF_TIPC, "AF_BLUETOOTH": unix.AF_BLUETOOTH, "AF_IUCV": unix.AF_IUCV, "AF_RXRPC": unix.AF_RXRPC,
	"AF_ISDN": unix.AF_ISDN, "AF_PHONET": unix.AF_PHONET, "AF_IEEE802154": unix.AF_IEEE802154, "AF_CAIF": unix.AF_CAIF,
	"AF_ALG": unix.AF_ALG, "AF_NFC": unix.AF_NFC, "AF_VSOCK": unix.AF_VSOCK, "AF_KCM": unix.AF_KCM, "AF_QIPCRTR": unix.AF_QIPCRTR,
	"AF_SMC": unix.AF_SMC, "AF_XDP": unix.AF_XDP, "AF_MCTP": unix.AF_MCTP,
}

// noFamily stands in OnlyFamilies for an empty list that is meant (systemd.exec(5), RestrictAddressFamilies=none).
const noFamily = "none"

// Family reports the number of a family of addresses, such as "AF_INET".
func Family(name string) (uint32, error) {
	n, ok := familyNumbers[name]
	if !ok {
		return 0, fmt.Errorf("look up address family %q: no such family", name)
	}
	return n, nil
}

func (p Policy) restrictsFamilies() bool { return len(p.OnlyFamilies)+len(p.NoFamilies) > 0 }

// family is a run of families, up to where the next one begins, of which there may be sockets or not.
type family struct {
	first   uint32
	refused bool
}

// families works out what the policy says about all of them.
func (p Policy) families() ([]family, error) {
	named := map[uint32]bool{} // whether refused
	for _, list := range [][]string{p.OnlyFamilies, p.NoFamilies} {
		for _, name := range list {
			if name == noFamily && len(p.OnlyFamilies) == 1 {
				continue
			}
			n, err := Family(name)
			if err != nil {
				return nil, err
			}
			named[n] = false
		}
	}
	for _, name := range p.NoFamilies {
		named[familyNumbers[name]] = true
	}
	others := len(p.OnlyFamilies) > 0
	runs := []family{{0, others}}
	put := func(first uint32, refused bool) {
		if runs[len(runs)-1].refused != refused {
			runs = append(runs, family{first, refused})
		}
	}
	for n := range uint32(unix.AF_MAX) {
		refused, ok := named[n]
		put(n, refused && ok || !ok && others)
	}
	put(unix.AF_MAX, others)
	return runs, nil
}

// spansOfFamilies is the search over families, of which those that are not refused get the verdict ret. Audit is not for
// machines whatever the policy says.
func spansOfFamilies(families []family, ret uint32) []span {
	spans := make([]span, 0, len(families)+2)
	put := func(first uint32, v verdict) {
		if n := len(spans); n > 0 && spans[n-1].first == first {
			spans = spans[:n-1]
		}
		if n := len(spans); n == 0 || spans[n-1].verdict != v {
			spans = append(spans, span{first, v})
		}
	}
	for i, f := range families {
		v := verdict{ret: ret}
		if f.refused {
			v.ret = retNoAudit
		}
		put(f.first, v)
		last := i == len(families)-1 || families[i+1].first > unix.AF_NETLINK
		if f.first <= unix.AF_NETLINK && last && !f.refused {
			put(unix.AF_NETLINK, verdict{ret: ret, check: ofNetlink})
			put(unix.AF_NETLINK+1, v)
		}
	}
	return spans
}
