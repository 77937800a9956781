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
	"math/rand/v2"
	"os"
	"os/user"
	"slices"
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
	Base   uint32
	Lock   *os.File
	Shared bool // with other machines
}

// Pick claims a free range for the machine of the given name: that from first on, if it is one for containers and free, else the one
// that the name makes likely, else any. Each is tried by lock.
func Pick(name string, first uint32, lock sys.Locker) (Range, error) {
	if err := os.MkdirAll(LockDir, 0o755); err != nil {
		return Range{}, fmt.Errorf("make directory for id ranges: %w", err)
	}
	candidates := []uint32{first, Preferred(name)}
	if !forContainers(first) {
		candidates = candidates[1:]
	}
	within, given := Within(), []uint32(nil)
	if within {
		given = Given()
		candidates = append(slices.DeleteFunc(candidates, func(base uint32) bool { return !slices.Contains(given, base) }), given...)
	}
	for range tries {
		if len(candidates) == 0 && within {
			return Range{}, fmt.Errorf("find a free id range: this host is a machine itself and has %d, none free: it is given more with users.delegate",
				len(given))
		}
		if len(candidates) == 0 {
			candidates = []uint32{align(rand.Uint32())}
		}
		base := candidates[0]
		candidates = candidates[1:]
		held, err := claim(base, lock)
		if err == nil {
			return Range{Base: base, Lock: held}, nil
		}
		if !errors.Is(err, sys.ErrLocked) {
			return Range{}, fmt.Errorf("claim id range %d: %w", base, err)
		}
	}
	return Range{}, fmt.Errorf("find a free id range: %d tries, none free", tries)
}

// Share claims the range at base, which an administrator chose, against being picked; several machines can have it. It is tried by
// lock.
func Share(base uint32, lock sys.Locker) (Range, error) {
	if err := os.MkdirAll(LockDir, 0o755); err != nil {
		return Range{}, fmt.Errorf("make directory for id ranges: %w", err)
	}
	held, err := lock(lockPath(base), false)
	if err != nil {
		return Range{}, fmt.Errorf("claim id range %d: %w", base, err)
	}
	return Range{Base: base, Lock: held, Shared: true}, nil
}

// Release lets go of the range, which is free then if nobody else shares it.
func (r Range) Release() {
	if !r.Shared {
		_ = os.Remove(r.Lock.Name()) // while held, so that no other holder is robbed
	}
	r.Lock.Close()
	if r.Shared {
		sys.RemoveLock(r.Lock.Name())
	}
}

// BaseOf is the first id of the range that a user and a group are of, if they are of one.
func BaseOf(user, group uint32) (base uint32, ok bool) {
	return user &^ (Size - 1), (user^group)&^(Size-1) == 0
}

func forContainers(base uint32) bool { return base >= minBase && base <= maxBase && base%Size == 0 }

func lockPath(base uint32) string { return LockDir + "/" + strconv.FormatUint(uint64(base), 10) }

func claim(base uint32, lock sys.Locker) (*os.File, error) {
	if inUse(base) || inUse(base+Size-2) {
		return nil, sys.ErrLocked
	}
	return lock(lockPath(base), true)
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
