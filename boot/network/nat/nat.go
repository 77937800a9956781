// SPDX-License-Identifier: Apache-2.0

// Package nat leads ports of the host into machines, with rules of the kernel's packet filter (nft(8)) in a table of our own.
package nat

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"
)

// Table is the name of the table, of family inet. It is there as long as a port leads somewhere.
const Table = "machined-go"

// Rule leads a port of the host, at any address of it but its loopback's, to an address and port.
type Rule struct {
	Protocol string // "tcp" or "udp"
	Port     uint16
	To       netip.AddrPort
	Comment  string // for who lists the table
}

// Write makes the rules the only ones, in one step: what is connected stays so, and nothing gets through in between. It works in the
// network namespace of the calling thread.
func Write(rules []Rule) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("connect to nftables: %w", err)
	}
	table := &nftables.Table{Name: Table, Family: nftables.TableFamilyINet}
	c.AddTable(table) // so that there is one to remove
	c.DelTable(table)
	if len(rules) > 0 {
		c.AddTable(table)
		add(c, table, rules)
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("write nftables table %q: %w", Table, err)
	}
	return nil
}

// add makes two chains, as systemd's own table has: for packets that come in, and for those that programs of the host send to it.
func add(c *nftables.Conn, table *nftables.Table, rules []Rule) {
	// After the rules that administrators have at the usual priority.
	priority := nftables.ChainPriorityRef(*nftables.ChainPriorityNATDest + 1)
	for _, hook := range []struct {
		name  string
		at    *nftables.ChainHook
		match []expr.Any
	}{
		{"prerouting", nftables.ChainHookPrerouting, nil},
		{"output", nftables.ChainHookOutput, looped()},
	} {
		chain := c.AddChain(&nftables.Chain{
			Name: hook.name, Table: table, Type: nftables.ChainTypeNAT, Hooknum: hook.at, Priority: priority,
		})
		for _, r := range rules {
			var exprs []expr.Any
			if hook.at == nftables.ChainHookOutput {
				exprs = append(r.family(), append(hook.match, r.notLoopback()...)...)
			} else {
				exprs = r.family()
			}
			exprs = append(append(append(exprs, local()...), r.port()...), r.translate()...)
			c.AddRule(&nftables.Rule{
				Table: table, Chain: chain, Exprs: exprs, UserData: userdata.AppendString(nil, userdata.TypeComment, r.Comment),
			})
		}
	}
}

// looped matches what is sent over the loopback interface: to addresses of the host.
func looped() []expr.Any {
	const loopback = 1
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIF, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(loopback)},
	}
}

// local matches what is sent to an address of the host.
func local() []expr.Any {
	return []expr.Any{
		&expr.Fib{Register: 1, FlagDADDR: true, ResultADDRTYPE: true},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(unix.RTN_LOCAL)},
	}
}

func (r Rule) proto() byte {
	if r.To.Addr().Is4() {
		return unix.NFPROTO_IPV4
	}
	return unix.NFPROTO_IPV6
}

func (r Rule) family() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{r.proto()}},
	}
}

// notLoopback leaves out 127.0.0.0/8 and ::1: answers from a machine could not come back to them.
func (r Rule) notLoopback() []expr.Any {
	const (
		offset4, offset6 = 16, 24 // of the destination in the header
	)
	if r.To.Addr().Is4() {
		return []expr.Any{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset4, Len: 1},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{127}},
		}
	}
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset6, Len: 16},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: netip.IPv6Loopback().AsSlice()},
	}
}

func (r Rule) port() []expr.Any {
	const destination = 2 // offset in the headers of TCP and UDP
	protocol := byte(unix.IPPROTO_TCP)
	if r.Protocol == "udp" {
		protocol = unix.IPPROTO_UDP
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: destination, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: bigEndian(r.Port)},
	}
}

func (r Rule) translate() []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: r.To.Addr().AsSlice()},
		&expr.Immediate{Register: 2, Data: bigEndian(r.To.Port())},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(r.proto()), RegAddrMin: 1, RegProtoMin: 2},
	}
}

func bigEndian(port uint16) []byte { return binary.BigEndian.AppendUint16(nil, port) }
