// SPDX-License-Identifier: Apache-2.0

// Package network connects a machine's network namespace to the host.
//
// Names and hardware addresses are systemd-nspawn's (src/nspawn/nspawn-network.c), so that the .network files systemd ships serve
// our machines as they serve its own.
package network

import (
	"encoding/binary"
	"net"

	"github.com/dchest/siphash"
)

// GuestName is what a machine calls its end of the veth pair.
const GuestName = "host0"

// maxName is the longest interface name, IFNAMSIZ less the final NUL.
const maxName = 15

// key is a siphash key, as two little-endian words.
type key struct{ k0, k1 uint64 }

// The keys are nspawn's.
var (
	hostKey  = key{0x0b45ec46c76f371a, 0xb15d600631d5a3ad}
	guestKey = key{0x1cb257b519f9c4c3, 0xa2ee9c032714cfe6}
	shortKey = key{0x514befa804a490e1, 0xa2fc119f3ac3cc8c}
)

func (k key) hash(b []byte) uint64 { return siphash.Hash(k.k0, k.k1, b) }

// HostName is the name of the host's end of a machine's veth pair, and its alternative name if that had to be shortened.
func HostName(machine string) (name, alternative string) {
	full := "ve-" + machine
	if len(full) <= maxName {
		return full, ""
	}
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	h := shortKey.hash([]byte(full))
	short := []byte(full[:maxName-4])
	for _, shift := range []int{18, 12, 6, 0} {
		short = append(short, digits[h>>shift&63])
	}
	return string(short), full
}

// hardwareAddr is stable for a machine name on a host, which hostID (its 16-byte machine id) stands for.
func hardwareAddr(k key, hostID [16]byte, machine string) net.HardwareAddr {
	var mac [8]byte
	binary.LittleEndian.PutUint64(mac[:], k.hash(append(hostID[:], machine...)))
	mac[0] = mac[0]&^1 | 2 // unicast, locally administered
	return mac[:6]
}
