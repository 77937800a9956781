// SPDX-License-Identifier: Apache-2.0

package boot

// Users says how the machine's users relate to the host's (--private-users= of systemd-nspawn(1)).
type Users struct {
	// Which ids of the host the machine has: "pick" (a free range, the default), "range" (that from base on), "owner" (that of
	// the tree's owner), "identity" (0 to 65535, in a user namespace of its own) or "no" (no user namespace: root inside is the
	// host's root).
	Namespace string `toml:"namespace"`
	// First id of a given range.
	Base uint32 `toml:"base"`
	// How many ids the range has; by default 65536.
	Count uint32 `toml:"count"`
	// How the tree's files come to belong to the range: "map" (an ID-mapped mount), "chown" (they are changed for good), "off" (they
	// are left) or "auto", the default: map, or chown where the file system cannot.
	Ownership string `toml:"ownership"`
	// How many further ranges of 65536 ids the machine gets for machines of its own.
	Delegate int `toml:"delegate"`
	// Users of the host who shall exist inside too, with their home directories.
	Bind []string `toml:"bind"`
	// Shell of these users: a path, "yes" for theirs, or "no" for the machine's default.
	BindShell string `toml:"bind_shell"`
	// Further groups of these users inside.
	BindGroups []string `toml:"bind_groups"`
}

func (u Users) validate() error { return unsupported(u) }
