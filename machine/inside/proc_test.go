// SPDX-License-Identifier: Apache-2.0

package inside

import (
	"bytes"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// An id that is mapped stays within its range, and comes back where ranges do
// not overlap.
func FuzzIDMap(f *testing.F) {
	f.Add("         0     65536      65536\n", uint32(5))
	f.Add("0 0 4294967295\n", uint32(1<<32-2))
	f.Add("0 1000 1\n1 100000 65536\n", uint32(65536))
	f.Add("1 4294967295 2\n", uint32(2))
	f.Fuzz(func(t *testing.T, text string, id uint32) {
		ranges, err := parseIDMap(text)
		if err != nil {
			return
		}
		within := func(id uint32, first func(idRange) uint32) bool {
			for _, r := range ranges {
				if uint64(id) >= uint64(first(r)) && uint64(id) < uint64(first(r))+uint64(r.count) {
					return true
				}
			}
			return false
		}
		inside, outside := func(r idRange) uint32 { return r.inside }, func(r idRange) uint32 { return r.outside }
		host, err := hostID(ranges, id)
		if (err == nil) != within(id, inside) || err == nil && !within(host, outside) {
			t.Errorf("%d is %d on the host, %v", id, host, err)
		}
		own, err := ownID(ranges, id)
		if err == nil && (!within(id, outside) || !within(own, inside)) {
			t.Errorf("%d of the host is %d, %v", id, own, err)
		}
		if len(ranges) != 1 || err != nil {
			return
		}
		if back, err := hostID(ranges, own); err != nil || back != id {
			t.Errorf("%d of the host is %d, that is %d, %v", id, own, back, err)
		}
	})
}

// An address that is told has the length of its family, and is one that others
// can reach.
func FuzzAddress(f *testing.F) {
	v4 := []byte{unix.AF_INET, 24, 0, 0, 7, 0, 0, 0, 8, 0, unix.IFA_ADDRESS, 0, 10, 0, 0, 1, 8, 0, unix.IFA_LOCAL, 0, 10, 0, 0, 2}
	v6 := append([]byte{unix.AF_INET6, 64, 0, 253, 2, 0, 0, 0, 20, 0, unix.IFA_ADDRESS, 0}, bytes.Repeat([]byte{0xfe}, 16)...)
	f.Add(v4, v6)
	f.Add([]byte{unix.AF_INET, 8, 0, 254, 1, 0, 0, 0}, v4[:20])
	f.Add([]byte("0"), []byte("00A00000\n\x0000000000"))
	f.Add([]byte{}, []byte{unix.AF_INET, 0, 0, 0, 0, 0, 0, 0, 1, 0, unix.IFA_LOCAL, 0})
	f.Fuzz(func(t *testing.T, one, other []byte) {
		var list []found
		for _, data := range [][]byte{one, other} {
			m := &syscall.NetlinkMessage{Header: syscall.NlMsghdr{Type: unix.RTM_NEWADDR}, Data: data}
			a, ok := readAddress(m)
			if !ok {
				continue
			}
			if want := map[int32]int{unix.AF_INET: 4, unix.AF_INET6: 16}[a.Family]; want == 0 || len(a.Bytes) != want {
				t.Errorf("address %v of family %d", a.Bytes, a.Family)
			}
			if a.scope >= unix.RT_SCOPE_HOST || data[2]&unix.IFA_F_DEPRECATED != 0 {
				t.Errorf("address of scope %d, flags %#x", a.scope, data[2])
			}
			list = append(list, a)
		}
		if len(list) == 2 && before(&list[0], &list[1]) && before(&list[1], &list[0]) {
			t.Errorf("each of %v is before the other", list)
		}
	})
}
