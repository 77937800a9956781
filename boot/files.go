// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

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
	// Whose files they are inside: "none" (ids as on the host, the default), "map" (shifted like the root: idmap), "root" (the
	// source's owner is root inside, nobody else is mapped: rootidmap), or "owner" (the source's owner is the target's: owneridmap).
	Map string `toml:"map"`
}

func (b Bind) validate() error {
	if b.Source == "" && (b.Target == "" || b.Inside) {
		return fmt.Errorf("bind of a new directory: target %q is not an absolute path, or inside is set", b.Target)
	}
	if b.Source != "" {
		if err := checkPath("source of bind", b.Source); err != nil {
			return err
		}
	}
	if err := checkPath("target of bind", b.target()); err != nil {
		return err
	}
	if !slices.Contains([]string{"", "none", "map", "root", "owner"}, b.Map) {
		return fmt.Errorf("bind on %q: map %q is none of none, map, root, owner", b.target(), b.Map)
	}
	return nil
}

func (b Bind) target() string {
	if b.Target == "" {
		return b.Source
	}
	return b.Target
}

// Tmpfs is an empty file system in memory (--tmpfs=).
type Tmpfs struct {
	// Absolute path in the machine.
	Target string `toml:"target"`
	// Mount options, as tmpfs(5) has them; by default "mode=0755". Ids are the machine's.
	Options string `toml:"options"`
}

func (t Tmpfs) validate() error {
	if strings.ContainsRune(t.Options, 0) {
		return fmt.Errorf("tmpfs on %q: options have a NUL byte", t.Target)
	}
	return checkPath("target of tmpfs", t.Target)
}

// Overlay lays directories over one another (--overlay=). Their ids are shifted like the root's, where their file systems can have
// that, and otherwise as on the host.
type Overlay struct {
	// Directories of the host, the lowest first; a leading "+" means one of the image.
	Lower []string `toml:"lower"`
	// Directory that takes the changes, of the host or with "+" of the image; empty for a new one that is removed when the machine ends.
	Upper string `toml:"upper"`
	// Absolute path in the machine; by default the upper directory, or the topmost if that is empty.
	Target string `toml:"target"`
	// Whether there is no upper directory.
	ReadOnly bool `toml:"read_only"`
}

func (o Overlay) validate() error {
	if len(o.Lower) == 0 {
		return fmt.Errorf("overlay on %q has no lower directory", o.target())
	}
	for _, l := range o.Lower {
		if err := checkPath("lower directory of overlay", strings.TrimPrefix(l, "+")); err != nil {
			return err
		}
	}
	if o.Upper != "" {
		if o.ReadOnly {
			return fmt.Errorf("overlay on %q is read-only and has an upper directory: make that the last of the lower ones", o.target())
		}
		upper := strings.TrimPrefix(o.Upper, "+")
		if err := checkPath("upper directory of overlay", upper); err != nil {
			return err
		}
		if path.Clean(upper) == "/" {
			return fmt.Errorf("upper directory of overlay on %q cannot be %q", o.target(), o.Upper)
		}
	}
	return checkPath("target of overlay", o.target())
}

func (o Overlay) target() string {
	switch {
	case o.Target != "":
		return o.Target
	case o.Upper != "":
		return strings.TrimPrefix(o.Upper, "+")
	case len(o.Lower) > 0:
		return strings.TrimPrefix(o.Lower[len(o.Lower)-1], "+")
	}
	return ""
}

// Volume is a directory that belongs to a machine but not to its tree. It is kept in /var/lib/machined-go/volumes/NAME, is
// made on first use, has its ids shifted like the root's, and is there until somebody removes it, whatever becomes of machines.
type Volume struct {
	// Name of the volume; machines that name the same one share it.
	Name string `toml:"name"`
	// Absolute path in the machine.
	Target string `toml:"target"`
	// Whether the machine may not change it.
	ReadOnly bool `toml:"read_only"`
}

var volumeName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,127}$`) })

func (v Volume) validate() error {
	if !volumeName().MatchString(v.Name) {
		return fmt.Errorf("volume name %q is not valid: use letters, digits, '_', '.', '@' and '-', a letter, digit or '_' first", v.Name)
	}
	return checkPath("target of volume", v.Target)
}

// checkPath tells what is wrong with an absolute path. One that names its parent would be sorted to a place where it is not.
func checkPath(what, name string) error {
	switch {
	case !strings.HasPrefix(name, "/"):
		return fmt.Errorf("%s %q is not an absolute path", what, name)
	case strings.ContainsRune(name, 0):
		return fmt.Errorf("%s %q has a NUL byte", what, name)
	case slices.Contains(strings.Split(name, "/"), ".."):
		return fmt.Errorf("%s %q has a \"..\" in it", what, name)
	}
	return nil
}

// validateFiles checks what the spec itself says of files.
func (s Spec) validateFiles() error {
	if !slices.Contains([]string{"", "no", "yes", "state", "overlay"}, s.Volatile) {
		return fmt.Errorf("volatile %q is none of no, yes, state, overlay", s.Volatile)
	}
	for _, p := range s.Inaccessible {
		if err := checkPath("inaccessible path", p); err != nil {
			return err
		}
	}
	if j := s.Integration.LinkJournal; s.Ephemeral && (j == "guest" || j == "host") {
		return fmt.Errorf("link_journal %q is for machines that stay, and this one is ephemeral", j)
	}
	switch t := s.Template; {
	case t == "":
	case s.Ephemeral:
		return errors.New("template and ephemeral exclude each other: an ephemeral machine leaves no tree")
	case strings.Contains(t, "/"):
		if err := checkPath("template", t); err != nil {
			return err
		}
	}
	return s.validatePivot()
}

func (s Spec) validatePivot() error {
	if s.PivotRoot == "" {
		return nil
	}
	to, old := s.pivot()
	if err := checkPath("new root of pivot_root", to); err != nil {
		return err
	}
	if path.Clean(to) == "/" || old != "" && path.Clean(old) == "/" {
		return fmt.Errorf("pivot_root %q: a root cannot be its own old one", s.PivotRoot)
	}
	if old == "" {
		return nil
	}
	return checkPath("old root of pivot_root", old)
}

// pivot splits "NEW:OLD".
func (s Spec) pivot() (to, old string) {
	to, old, _ = strings.Cut(s.PivotRoot, ":")
	return to, old
}
