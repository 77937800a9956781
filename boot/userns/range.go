// SPDX-License-Identifier: Apache-2.0

// Package userns picks the range of host user and group ids that a machine's user namespace maps to.
//
// Ranges are chosen and claimed exactly as systemd-nspawn does with --private-users=pick (uid_shift_pick in its nspawn.c), so
// that both can share a host: a hash of the machine's name first, random ones after it, each claimed by a lock file in
// /run/systemd/nspawn-uid/.
package userns

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/user"
	"strconv"

	"github.com/dchest/siphash"

	"machined-go/boot/sys"
)

// Size is the number of ids in every machine's range.
const Size = 1 << 16

// Bounds of the ranges that systemd sets apart for containers (systemd.io/UIDS-GIDS).
const (
	minBase = 0x00080000
	maxBase = 0x6FFF0000
)

// LockDir is where ranges are claimed.
const LockDir = "/run/systemd/nspawn-uid"

// tries bounds the search, as nspawn does.
const tries = 100

// Range is a claimed range of ids. It is free again when every copy of Lock is closed; its file may then be removed.
type Range struct {
	Base uint32
	Lock *os.File
}

// Pick claims a free range for the machine of the given name.
func Pick(name string) (Range, error) {
	if err := os.MkdirAll(LockDir, 0o755); err != nil {
		return Range{}, fmt.Errorf("make directory for id ranges: %w", err)
	}
	base := Preferred(name)
	for range tries {
		lock, err := claim(base)
		if err == nil {
			return Range{Base: base, Lock: lock}, nil
		}
		if !errors.Is(err, sys.ErrLocked) {
			return Range{}, fmt.Errorf("claim id range %d: %w", base, err)
		}
		base = align(rand.Uint32())
	}
	return Range{}, fmt.Errorf("find a free id range: %d tries, none free", tries)
}

// Release removes the lock file of the range at base, whose owner is gone.
func Release(base uint32) error {
	err := os.Remove(lockPath(base))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func lockPath(base uint32) string { return LockDir + "/" + strconv.FormatUint(uint64(base), 10) }

func claim(base uint32) (*os.File, error) {
	if inUse(base) || inUse(base+Size-2) {
		return nil, sys.ErrLocked
	}
	return sys.Lock(lockPath(base), true)
}

// inUse tells whether the host knows a user or group of this id, which no machine may share.
func inUse(id uint32) bool {
	s := strconv.FormatUint(uint64(id), 10)
	if _, err := user.LookupId(s); err == nil {
		return true
	}
	_, err := user.LookupGroupId(s)
	return err == nil
}

// hashKey is nspawn's, as two little-endian words.
const (
	hashKey0 = 0xaf41f04af0e056e1
	hashKey1 = 0x72ff943341cf4196
)

// Preferred is the first id of the range that a machine of this name gets if it is free.
func Preferred(name string) uint32 {
	return align(uint32(siphash.Hash(hashKey0, hashKey1, []byte(name))))
}

func align(candidate uint32) uint32 {
	return (candidate%(maxBase-minBase) + minBase) &^ (Size - 1)
}
