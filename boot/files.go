// SPDX-License-Identifier: Apache-2.0

package boot

// Bind shows a file or directory of the host at a place in the machine (--bind= of systemd-nspawn(1)).
type Bind struct {
	// Absolute path on the host; with inside, in the image; empty for a new directory that is removed when the machine ends.
	Source string `toml:"source"`
	// Absolute path in the machine; by default the source.
	Target string `toml:"target"`
	// Whether the source is a path of the image.
	Inside bool `toml:"inside"`
	// Whether the machine may not change it.
	ReadOnly bool `toml:"read_only"`
	// Whether to show also what is mounted below the source; by default it is.
	Recursive *bool `toml:"recursive"`
	// Whose files they are inside: "none" (ids as on the host), "map" (shifted like the root), "root" (root's in the machine are
	// the host root's), or "owner" (root's in the machine are the source owner's).
	Map string `toml:"map"`
}

func (b Bind) validate() error { return unsupported(b) }

// Tmpfs is an empty file system in memory (--tmpfs=).
type Tmpfs struct {
	// Absolute path in the machine.
	Target string `toml:"target"`
	// Mount options, as tmpfs(5) has them; by default "mode=0755".
	Options string `toml:"options"`
}

func (t Tmpfs) validate() error { return unsupported(t) }

// Overlay lays directories over one another (--overlay=).
type Overlay struct {
	// Directories of the host, the lowest first; a leading "+" means one of the image.
	Lower []string `toml:"lower"`
	// Directory of the host that takes the changes; empty for a new one that is removed when the machine ends.
	Upper string `toml:"upper"`
	// Absolute path in the machine; by default the upper directory.
	Target string `toml:"target"`
	// Whether there is no upper directory.
	ReadOnly bool `toml:"read_only"`
}

func (o Overlay) validate() error { return unsupported(o) }

// Volume is a directory that belongs to a machine but not to its tree.
type Volume struct {
	// Name of the volume; machines that name the same one share it.
	Name string `toml:"name"`
	// Absolute path in the machine.
	Target string `toml:"target"`
	// Whether the machine may not change it.
	ReadOnly bool `toml:"read_only"`
}

func (v Volume) validate() error { return unsupported(v) }
