// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"cmp"
	"errors"
	"fmt"
	"math"

	"machined-go/boot/sys"
	"machined-go/boot/userns"
)

// Users says how the machine's users relate to the host's (--private-users= of systemd-nspawn(1)).
type Users struct {
	// Which ids of the host the machine has: "pick" (a free range, the default), "range" (that from base on), "owner" (that of
	// the tree's owner), "identity" (0 to 65535, in a user namespace of its own) or "no" (no user namespace: root inside is the
	// host's root, and can lift whatever hides the host from it; for what you trust as you do the host).
	Namespace string `toml:"namespace"`
	// First id of a given range.
	Base uint32 `toml:"base"`
	// How many ids the range has; by default 65536.
	Count uint32 `toml:"count"`
	// How the tree's files come to belong to the range: "map" (an ID-mapped mount), "chown" (they are changed for good), "foreign"
	// (an ID-mapped mount of files that belong to the range of foreign ids, 2147352576 on), "off" (they are left, and belong to the
	// range already) or "auto": map, or chown where the file system cannot or the files have been changed before. By default
	// "auto" for a picked range, "off" for another.
	Ownership string `toml:"ownership"`
	// How many further ranges of 65536 ids the machine gets for machines of its own, at most 16; they have the same numbers inside.
	Delegate int `toml:"delegate"`
	// Users of the host who shall exist inside too, with their home directories. Inside they have ids from 60514 on; their files
	// are shown with these.
	Bind []string `toml:"bind"`
	// Shell of these users: a path, "yes" for theirs, or "no", the default, for the machine's.
	BindShell string `toml:"bind_shell"`
	// Groups of the machine that these users are in.
	BindGroups []string `toml:"bind_groups"`
}

// Values of Users.Namespace.
const (
	usersPick     = "pick"
	usersRange    = "range"
	usersOwner    = "owner"
	usersIdentity = "identity"
	usersNone     = "no"
)

// maxDelegate is how many further ranges a machine gets at most, as with nspawn.
const maxDelegate = 16

func (u Users) validate() error {
	switch u.Namespace {
	case "", usersPick, usersRange, usersOwner, usersIdentity, usersNone:
	default:
		return fmt.Errorf("users.namespace %q is none of pick, range, owner, identity, no", u.Namespace)
	}
	if u.Namespace != usersRange && (u.Base != 0 || u.Count != 0) {
		return errors.New("users.base and users.count are those of a given range: set users.namespace = \"range\"")
	}
	if last := uint64(u.Base) + uint64(u.size()); last > math.MaxUint32 {
		return fmt.Errorf("users.base %d with %d ids goes beyond the last id", u.Base, u.size())
	}
	if u.Delegate < 0 || u.Delegate > maxDelegate {
		return fmt.Errorf("users.delegate %d is not from 0 to %d", u.Delegate, maxDelegate)
	}
	if u.Delegate > 0 && u.size() > userns.Size {
		return fmt.Errorf("users.delegate needs a range of at most %d ids: set users.count", userns.Size)
	}
	if err := u.validateBound(); err != nil {
		return err
	}
	return u.validateOwnership()
}

// size is how many ids the machine has.
func (u Users) size() uint32 { return cmp.Or(u.Count, userns.Size) }

// span are the first and the last id of the machine on the host.
func (u Users) span(base uint32) (first, last uint32) {
	if !u.own() {
		return 0, math.MaxInt32 // the most that the kernel takes for a group (sysctl ping_group_range)
	}
	return base, base + u.size() - 1
}

// own tells whether the machine has a user namespace of its own.
func (u Users) own() bool { return u.Namespace != usersNone }

// picks tells whether the range of ids is one that happens to be free.
func (u Users) picks() bool { return u.Namespace == "" || u.Namespace == usersPick }

// decideUsers decides which ids of the host the machine's are.
func (p *Plan) decideUsers(f Facts) error {
	if !p.Spec.Users.own() {
		return nil
	}
	ids := []sys.IDMap{{Inside: 0, Outside: f.Base, Count: p.Spec.Users.size()}}
	for _, base := range f.Delegated {
		ids = append(ids, sys.IDMap{Inside: base, Outside: base, Count: userns.Size})
	}
	p.IDs = &sys.IDMaps{Users: ids, Groups: ids}
	return nil
}

func (p *Plan) outlineIDs(add func(kind, format string, args ...any)) {
	if p.IDs == nil {
		add("ids", "user ids are the host's: root inside is root of the host")
		return
	}
	for _, m := range p.IDs.Users {
		add("ids", "user ids %d-%d are %d-%d on the host", m.Inside, m.Inside+m.Count-1, m.Outside, m.Outside+m.Count-1)
	}
	if p.Spec.Users.ownership() == ownChown {
		add("ids", "files of %s that belong to other ids are given to these for good", p.Spec.Root)
	}
}
