// SPDX-License-Identifier: Apache-2.0

package network

import (
	"encoding/binary"
	"net"

	"github.com/dchest/siphash"
)

// key is a siphash key, as two little-endian words.
type key struct{ k0, k1 uint64 }

// The keys are nspawn's.
var (
	hostKey       = key{0x0b45ec46c76f371a, 0xb15d600631d5a3ad}
	guestKey      = key{0x1cb257b519f9c4c3, 0xa2ee9c032714cfe6}
	extraHostKey  = key{0x9e4c9deab7f6c748, 0x66bfd591ded428b7}
	extraGuestKey = key{0x354df9ce611750af, 0x59cebe54202b0d84}
	macvlanKey    = key{0x81448366bc6d1300, 0x6fa6241f51f90cbb}
	shortKey      = key{0x514befa804a490e1, 0xa2fc119f3ac3cc8c}
)

func (k key) hash(b []byte) uint64 { return siphash.Hash(k.k0, k.k1, b) }

// hardwareAddr is stable for a machine name on a host, which hostID (its 16-byte machine id) stands for. index tells interfaces of
// one kind apart.
func hardwareAddr(k key, hostID [16]byte, machine string, index int) net.HardwareAddr {
	text := append(hostID[:], machine...)
	if index > 0 {
		text = binary.LittleEndian.AppendUint64(text, uint64(index))
	}
	var mac [8]byte
	binary.LittleEndian.PutUint64(mac[:], k.hash(text))
	mac[0] = mac[0]&^1 | 2 // unicast, locally administered
	return mac[:6]
}
