// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"sort"
	"syscall"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Address is one address of a machine.
type Address struct {
	Family    int32 // AF_INET or AF_INET6
	Bytes     []byte
	Interface uint32 // index, as the machine sees it
}

// Addresses lists the addresses of the machine's interfaces, but for those
// that are of the machine alone (loopback) or deprecated. ErrNoPrivateNetwork
// if it shares the host's.
func (g *Guest) Addresses() ([]Address, error) {
	if g.isHost() {
		return dumpAddresses()
	}
	ns, err := unix.Open(procPath(g.pid, "ns/net"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open network of process %d: %w", g.pid, err)
	}
	defer unix.Close(ns)
	if err := g.alive(); err != nil {
		return nil, fmt.Errorf("open network of process %d: %w", g.pid, err)
	}
	same, err := sameFile(ns, "/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	if same {
		return nil, ErrNoPrivateNetwork
	}
	var list []Address
	err = sys.InNetwork(ns, func() (err error) {
		list, err = dumpAddresses()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("in network of process %d: %w", g.pid, err)
	}
	return list, nil
}

func sameFile(fd int, path string) (bool, error) {
	var a, b unix.Stat_t
	if err := unix.Fstat(fd, &a); err != nil {
		return false, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if err := unix.Stat(path, &b); err != nil {
		return false, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	return a.Dev == b.Dev && a.Ino == b.Ino, nil
}

// found is an address with what it is sorted by.
type found struct {
	Address
	scope uint8
}

// dumpAddresses asks the kernel for the addresses in the thread's network.
func dumpAddresses() ([]Address, error) {
	tab, err := syscall.NetlinkRIB(syscall.RTM_GETADDR, syscall.AF_UNSPEC)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	msgs, err := syscall.ParseNetlinkMessage(tab)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var list []found
	for i := range msgs {
		if msgs[i].Header.Type != syscall.RTM_NEWADDR {
			continue
		}
		if a, ok := readAddress(&msgs[i]); ok {
			list = append(list, a)
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return before(&list[i], &list[j]) })
	addrs := make([]Address, 0, len(list))
	for i := range list {
		if i > 0 && !before(&list[i-1], &list[i]) {
			continue // twice the same
		}
		addrs = append(addrs, list[i].Address)
	}
	return addrs, nil
}

// before is the order of systemd: IPv4 first, widest scope first, then by
// interface and address.
func before(a, b *found) bool {
	switch {
	case a.Family != b.Family:
		return a.Family == unix.AF_INET
	case a.scope != b.scope:
		return a.scope < b.scope
	case a.Interface != b.Interface:
		return a.Interface < b.Interface
	}
	return bytes.Compare(a.Bytes, b.Bytes) < 0
}

// readAddress reads an RTM_NEWADDR; ok is false for one that is not to be told.
func readAddress(m *syscall.NetlinkMessage) (a found, ok bool) {
	if len(m.Data) < unix.SizeofIfAddrmsg {
		return a, false
	}
	// struct ifaddrmsg: family, prefix length, flags, scope, index.
	a.Family, a.scope = int32(m.Data[0]), m.Data[3]
	flags := m.Data[2]
	a.Interface = uint32(m.Data[4]) | uint32(m.Data[5])<<8 | uint32(m.Data[6])<<16 | uint32(m.Data[7])<<24
	if flags&unix.IFA_F_DEPRECATED != 0 || a.scope == unix.RT_SCOPE_HOST || a.scope == unix.RT_SCOPE_NOWHERE {
		return a, false
	}
	// The parser panics at an attribute that is not padded, as the kernel's are.
	padded := *m
	padded.Data = append(slices.Clone(m.Data), make([]byte, -len(m.Data)&(unix.NLA_ALIGNTO-1))...)
	attrs, err := syscall.ParseNetlinkRouteAttr(&padded)
	if err != nil {
		return a, false
	}
	var local, address []byte
	for _, at := range attrs {
		switch at.Attr.Type {
		case unix.IFA_LOCAL:
			local = at.Value
		case unix.IFA_ADDRESS:
			address = at.Value
		}
	}
	if a.Bytes = local; a.Bytes == nil {
		a.Bytes = address
	}
	return a, a.Family == unix.AF_INET && len(a.Bytes) == 4 || a.Family == unix.AF_INET6 && len(a.Bytes) == 16
}
