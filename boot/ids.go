// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
	"machined-go/boot/userns"
)

// ids are the ranges of ids that a machine has: its own, and those for machines of its own.
type ids struct {
	userns.Range
	delegated []userns.Range
}

// claimIDs claims the ranges of a machine, each by lock.
func claimIDs(s Spec, lock sys.Locker) (got ids, err error) {
	if got.Range, err = claimRange(s, lock); err != nil || s.Container != nil {
		return got, err
	}
	for i := range s.delegates() {
		r, err := userns.Pick(delegatedName(s.Name, i), 0, lock)
		if err != nil {
			got.release()
			return ids{}, err
		}
		got.delegated = append(got.delegated, r)
	}
	return got, nil
}

// delegatedName is what the hint to a further range is made of.
func delegatedName(machine string, i int) string { return fmt.Sprintf("%s+%d", machine, i+1) }

// previewIDs are the ranges of a machine that nobody claims.
func previewIDs(s Spec) (got ids, err error) {
	got.Base = userns.Preferred(s.Name)
	if s.Container == nil && !s.Users.picks() {
		if got.Base, err = s.Users.base(s.Root); err != nil {
			return got, err
		}
	} else if base, err := treeBase(s.Root); err == nil && base != 0 {
		got.Base = base
	}
	for i := range s.delegates() {
		got.delegated = append(got.delegated, userns.Range{Base: userns.Preferred(delegatedName(s.Name, i))})
	}
	return got, nil
}

// claimRange claims the range of a machine's own ids.
func claimRange(s Spec, lock sys.Locker) (userns.Range, error) {
	if s.Container != nil {
		return userns.Pick(s.Name, 0, lock)
	}
	if s.Users.picks() {
		first, _ := treeBase(s.Root) // if anything is wrong with that it is said later
		return userns.Pick(s.Name, first, lock)
	}
	base, err := s.Users.base(s.Root)
	if err != nil {
		return userns.Range{}, err
	}
	return userns.Share(base, lock)
}

// base is the first id of a range that is not picked.
func (u Users) base(root string) (uint32, error) {
	if u.Namespace == usersOwner {
		return treeBase(root) // of a disk image, its file
	}
	return u.Base, nil // 0 but for a range
}

// treeBase is the first id of the range that the owner of a tree is of.
func treeBase(root string) (uint32, error) {
	var st unix.Stat_t
	if err := unix.Stat(root, &st); err != nil {
		return 0, fmt.Errorf("find owner of the tree: %w", &os.PathError{Op: "stat", Path: root, Err: err})
	}
	base, ok := userns.BaseOf(st.Uid, st.Gid)
	if !ok {
		return 0, fmt.Errorf("find owner of the tree: user %d and group %d, to whom %q belongs, are not of one range of %d ids", st.Uid, st.Gid, root, userns.Size)
	}
	return base, nil
}

// takeOverIDs takes the ranges that a machine's service stored in its last boot.
func takeOverIDs(stored map[string][]*os.File) (got ids, err error) {
	for i, lock := range append(stored[storedRange][:1:1], stored[storedMore]...) {
		path, err := os.Readlink(sys.FDPath(int(lock.Fd())))
		if err != nil {
			return got, err
		}
		base, err := strconv.ParseUint(filepath.Base(path), 10, 32)
		if err != nil {
			return got, err
		}
		r := userns.Range{Base: uint32(base), Lock: lock}
		if i == 0 {
			got.Range = r
		} else {
			got.delegated = append(got.delegated, r)
		}
	}
	return got, nil
}

// keeps checks that the ids, which a machine has over all its reboots, are still those that its settings ask for.
func (r *ids) keeps(spec Spec) error {
	if spec.Container != nil {
		return nil
	}
	if r.Shared = !spec.Users.picks(); r.Shared {
		base, err := spec.Users.base(spec.Root)
		if err != nil {
			return err
		}
		if base != r.Base {
			return fmt.Errorf("the ids of machine %q have changed since it was started: stop and start it", spec.Name)
		}
	}
	return nil
}

// bases are the first ids of the ranges for machines of its own.
func (r ids) bases() (list []uint32) {
	for _, d := range r.delegated {
		list = append(list, d.Base)
	}
	return list
}

// locks are what holds the ranges.
func (r ids) locks() (list []*os.File) {
	if r.Lock != nil {
		list = append(list, r.Lock)
	}
	for _, d := range r.delegated {
		list = append(list, d.Lock)
	}
	return list
}

// release lets go of the ranges.
func (r ids) release() {
	for _, one := range append(r.delegated[:len(r.delegated):len(r.delegated)], r.Range) {
		if one.Lock != nil {
			one.Release()
		}
	}
}
