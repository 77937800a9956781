// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"

	"machined-go/boot/mount"
	"machined-go/boot/userns"
)

// Values of Users.Ownership.
const (
	ownAuto    = "auto"
	ownMap     = "map"
	ownChown   = "chown"
	ownForeign = "foreign"
	ownOff     = "off"
)

func (u Users) validateOwnership() error {
	switch u.Ownership {
	case "", ownAuto, ownMap, ownOff:
		return nil
	case ownChown, ownForeign:
	default:
		return fmt.Errorf("users.ownership %q is none of auto, map, chown, foreign, off", u.Ownership)
	}
	if !u.own() {
		return fmt.Errorf("users.ownership %q needs users of the machine's own: users.namespace is \"no\"", u.Ownership)
	}
	if u.Base%userns.Size != 0 || u.size() != userns.Size {
		return fmt.Errorf("users.ownership %q is for a range of %d ids that begins at a multiple of that", u.Ownership, userns.Size)
	}
	return nil
}

// ownership is how the tree's files come to belong to the machine's ids if nothing stands in the way.
func (u Users) ownership() string {
	switch {
	case u.auto():
		return ownMap
	case !u.own(), u.Ownership == "":
		return ownOff
	}
	return u.Ownership
}

// maps tells whether what is mounted for the root is ID-mapped.
func (u Users) maps() bool { return u.ownership() == ownMap }

// auto tells whether the tree's files may be changed for good.
func (u Users) auto() bool {
	return u.own() && (u.Ownership == ownAuto || u.Ownership == "" && u.picks())
}

// tree shows the machine's tree with ids as its ownership has it.
func (u Users) tree(path string) mount.Tree {
	switch u.ownership() {
	case ownMap:
		return mount.Tree{Path: path, Map: mount.MapAll}
	case ownForeign:
		return mount.Tree{Path: path, Map: mount.MapForeign}
	}
	return mount.Tree{Path: path}
}

// settleOwnership finds out how the files of the machine's tree can come to belong to its ids, and whether they must be changed for that.
func settleOwnership(spec Spec, c claim) (settled Spec, change bool, err error) {
	if spec.Container != nil || !spec.Users.own() {
		return spec, false, nil
	}
	how := spec.Users.ownership()
	if spec.made() && (how == ownChown || how == ownForeign) {
		return spec, false, fmt.Errorf("users.ownership = %q is for directories: %q is none", how, spec.Root)
	}
	if spec.made() || how != ownMap && how != ownChown {
		return spec, false, nil
	}
	base, err := treeBase(spec.Root)
	switch {
	case err != nil && how == ownMap && !spec.Users.auto():
		return spec, false, nil
	case err != nil:
		return spec, false, err
	case base != 0 && spec.Users.auto():
		spec.Users.Ownership = ownChown
	case base != 0 && how == ownMap && spec.Users.Namespace != usersRange:
		return spec, false, fmt.Errorf("the files of %q belong to ids from %d on, of another machine: set users.ownership = \"chown\" or \"auto\"", spec.Root, base)
	}
	return spec, spec.Users.Ownership == ownChown && base != c.ids.Base, nil
}

// chownTree gives the machine's tree to its ids.
func chownTree(ctx context.Context, spec Spec, c claim) error {
	path := spec.Root
	if c.snapshot != "" {
		path = c.snapshot
	}
	if spec.sealed() || spec.Volatile != "" && spec.Volatile != "no" || spec.overlaid(c.snapshot) {
		return fmt.Errorf("the files of %q would have to be changed for ids from %d on, which read_only, volatile and ephemeral forbid: start it once without",
			spec.Root, c.ids.Base)
	}
	if err := userns.Chown(ctx, path, c.ids.Base); err != nil {
		return fmt.Errorf("give files to ids from %d on: %w", c.ids.Base, err)
	}
	return nil
}

// chowns tells whether a start has failed because the files of the tree cannot be shown with other owners, so that, if the settings
// allow it, they are changed.
func (s Spec) chowns(err error) bool {
	return s.Container == nil && s.Users.auto() && errors.Is(err, mount.ErrUnmappable)
}
