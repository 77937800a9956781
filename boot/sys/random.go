// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"encoding/hex"

	"golang.org/x/sys/unix"
)

// Random fills id from the kernel's generator (getrandom(2), Linux 3.17), which may only take time while a host boots. With
// crypto/rand a program begins with a check of all of its cryptography, which for a small one is a tenth of its start.
func Random(id []byte) {
	for len(id) > 0 {
		n, err := unix.Getrandom(id, 0)
		if err != nil && err != unix.EINTR {
			panic("getrandom: " + err.Error()) // no kernel that we run on is without
		}
		id = id[max(n, 0):]
	}
}

// RandomName is a word that nothing else is called.
func RandomName() string {
	var id [16]byte
	Random(id[:])
	return hex.EncodeToString(id[:])
}
