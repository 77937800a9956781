// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// Map says whose files a mount shows (idmap, rootidmap and owneridmap of systemd-nspawn(1), --bind=).
type Map string

const (
	MapNone  Map = ""      // the ids are the host's
	MapAll   Map = "map"   // id 0 is the machine's root, and so on
	MapRoot  Map = "root"  // the source's owner is the machine's root, nobody else is mapped
	MapOwner Map = "owner" // the source's owner is the target's owner, nobody else is mapped

	MapForeign Map = "foreign" // the first of the foreign ids is the machine's root, and so on
)

// mapIDs maps the ids of a detached tree and all that is mounted in it.
func (r *Root) mapIDs(tree int, m Map, target string) error {
	if m == MapNone || m == MapAll && r.in.Users < 0 { // whose ids are the host's
		return nil
	}
	users := r.in.Users
	if m != MapAll {
		fd, err := r.users(tree, m, target)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		users = fd
	}
	return mapWith(tree, users)
}

// mapWith maps the ids of a detached tree, and all that is mounted in it, as a user namespace has them.
func mapWith(tree, users int) error {
	err := sys.SetMountAttr(tree, true, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(users)})
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("map ids: its file system, or one that is mounted in it, has no ID-mapped mounts, as ext4, xfs and btrfs do: %w", err)
	}
	if err != nil {
		return fmt.Errorf("map ids: %w", err)
	}
	return nil
}

// foreign is the first of the ids that systemd sets apart for files of whatever machine (FOREIGN_UID_BASE, systemd 258).
const foreign = 0x7ffe0000

// users makes a user namespace in which the owner of tree is another.
func (r *Root) users(tree int, m Map, target string) (int, error) {
	if m == MapForeign {
		all := sys.IDMap{Inside: foreign, Outside: r.in.Owner, Count: 1 << 16}
		return sys.MakeUsers(all, all)
	}
	var st unix.Stat_t
	if err := unix.Fstat(tree, &st); err != nil {
		return -1, err
	}
	uid, gid := r.in.Owner, r.in.Owner
	if m == MapOwner {
		// A target that is yet to be made is going to be the machine's root's.
		if to, err := r.stat(target); err == nil {
			uid, gid = to.Uid, to.Gid
		}
	}
	return sys.MakeUsers(sys.IDMap{Inside: st.Uid, Outside: uid, Count: 1}, sys.IDMap{Inside: st.Gid, Outside: gid, Count: 1})
}
