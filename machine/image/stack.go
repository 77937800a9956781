// SPDX-License-Identifier: Apache-2.0

package image

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"machined-go/boot/sys"
)

// entryKind is what an entry of a stack is for.
type entryKind int

const (
	entryLayer entryKind = iota
	entryUpper
	entryBind
	entryRoot
)

// entry is one of a stack.
type entry struct {
	kind     entryKind
	key      string // order of a layer, or place of a bind
	readOnly bool
	branch   sys.Branch
}

// Layers tells of what the directory of layers at a path is put together
// (systemd.mstack(7)). Disk images are looked into by a policy, unless that is
// nil, and not mounted. An entry that the manual does not know is an error, as
// for systemd.
func Layers(dir string, policy Policy) (sys.Stack, error) {
	stack, err := layersOf(dir, policy)
	if err != nil {
		return stack, fmt.Errorf("look into layers %q: %w", dir, err)
	}
	return stack, nil
}

func layersOf(dir string, policy Policy) (sys.Stack, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return sys.Stack{}, err
	}
	var list []entry
	for _, f := range files {
		if strings.HasPrefix(f.Name(), ".") {
			continue
		}
		e, err := readEntry(dir, f.Name())
		if err == nil && slices.ContainsFunc(list, e.clashes) {
			err = fmt.Errorf("there are two of %s", strings.TrimSuffix(f.Name(), rawSuffix))
		}
		if err == nil {
			err = e.look(policy)
		}
		if err != nil {
			return sys.Stack{}, err
		}
		list = append(list, e)
	}
	return assemble(list), nil
}

func (e entry) clashes(o entry) bool { return e.kind == o.kind && e.key == o.key }

// readEntry tells what an entry is by its name and type. A link is what it
// leads to.
func readEntry(dir, name string) (entry, error) {
	e := entry{branch: sys.Branch{Path: filepath.Join(dir, name)}}
	info, err := os.Stat(e.branch.Path)
	if err != nil {
		return e, err
	}
	stem, isDisk := name, info.Mode().IsRegular()
	if stem, isVersions := strings.CutSuffix(name, versionSuffix); isVersions && info.IsDir() {
		return newestEntry(e, stem)
	}
	if isDisk {
		var ok bool
		if stem, ok = strings.CutSuffix(name, rawSuffix); !ok {
			return e, fmt.Errorf("%s is a file, but not one ending in .raw", name)
		}
	} else if !info.IsDir() && !IsDisk(e.branch.Path) {
		return e, fmt.Errorf("%s is neither a directory nor a disk", name)
	}
	return e, e.name(stem)
}

// newestEntry is the newest version of an entry (systemd.v(7)).
func newestEntry(e entry, stem string) (entry, error) {
	suffix := ""
	if base, ok := strings.CutSuffix(stem, rawSuffix); ok {
		stem, suffix = base, rawSuffix
	}
	file := newest(e.branch.Path, stem, suffix)
	if file == "" {
		return e, fmt.Errorf("there is no version of %s in %s", stem, filepath.Base(e.branch.Path))
	}
	e.branch.Path = filepath.Join(e.branch.Path, file)
	return e, e.name(stem)
}

// name reads what an entry is for.
func (e *entry) name(stem string) error {
	word, key, has := strings.Cut(stem, "@")
	switch {
	case stem == "rw":
		e.kind = entryUpper
		return nil
	case stem == "root":
		e.kind = entryRoot
		return nil
	case !has || key == "":
	case word == "layer":
		e.kind, e.key, e.readOnly = entryLayer, key, true
		return nil
	case word == "bind", word == "robind":
		place, err := unescape(key)
		e.kind, e.key, e.readOnly = entryBind, place, word == "robind"
		return err
	}
	return fmt.Errorf("%s is nothing that systemd.mstack(7) knows", stem)
}

// unescape gives the path that a unit's name stands for (systemd.unit(5),
// String Escaping).
func unescape(text string) (string, error) {
	if text == "-" {
		return "/", nil
	}
	var b strings.Builder
	b.WriteByte('/')
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '-':
			b.WriteByte('/')
		case text[i] != '\\':
			b.WriteByte(text[i])
		default:
			if i+4 > len(text) || text[i+1] != 'x' {
				return "", fmt.Errorf("%q is no escaped path", text)
			}
			n, err := strconv.ParseUint(text[i+2:i+4], 16, 8)
			if err != nil || n == 0 {
				return "", fmt.Errorf("%q is no escaped path", text)
			}
			b.WriteByte(byte(n))
			i += 3
		}
	}
	if p := b.String(); path.Clean(p) == p {
		return p, nil
	}
	return "", fmt.Errorf("%q is no escaped path", text)
}

// look finds the root of an entry that is a disk.
func (e *entry) look(policy Policy) error {
	if !IsDisk(e.branch.Path) {
		return nil
	}
	parts, err := partsOf(e.branch.Path, policy)
	if err != nil {
		return fmt.Errorf("disk %s: %w", filepath.Base(e.branch.Path), err)
	}
	if parts[0].Target != "/" {
		return fmt.Errorf("disk %s has no root", filepath.Base(e.branch.Path))
	}
	e.branch.Disk = &parts[0]
	e.branch.Disk.ReadOnly = e.branch.Disk.ReadOnly || e.readOnly
	return nil
}

// assemble puts entries together as systemd does.
func assemble(list []entry) sys.Stack {
	slices.SortFunc(list, func(a, b entry) int {
		if a.kind == entryBind {
			return cmp.Or(cmp.Compare(a.kind, b.kind), slices.Compare(strings.Split(a.key, "/"), strings.Split(b.key, "/")))
		}
		return cmp.Or(cmp.Compare(a.kind, b.kind), compareVersions(a.key, b.key))
	})
	var s sys.Stack
	for _, e := range list {
		switch grafting := (sys.Grafting{Branch: e.branch, Target: e.key, ReadOnly: e.readOnly}); {
		case e.kind == entryLayer:
			s.Layers = append(s.Layers, e.branch)
		case e.kind == entryUpper:
			s.Upper = &e.branch
		case e.kind == entryRoot && s.Root == nil, e.key == "/":
			grafting.Target = "/"
			s.Root = &grafting
		case e.kind == entryBind:
			s.Graftings = append(s.Graftings, grafting)
		}
	}
	simplify(&s, slices.ContainsFunc(list, func(e entry) bool { return e.key == "/" }))
	return s
}

// simplify leaves out layers that nobody would see, and has a single one shown
// as it is. covered tells that the root is a bind.
func simplify(s *sys.Stack, covered bool) {
	hidden := s.Root != nil && slices.ContainsFunc(s.Graftings, func(g sys.Grafting) bool { return g.Target == "/usr" })
	if covered || hidden {
		s.Layers, s.Upper = nil, nil
	}
	var only sys.Grafting
	switch {
	case len(s.Layers) == 1 && s.Upper == nil:
		only = sys.Grafting{Branch: s.Layers[0], ReadOnly: true, Target: "/"}
	case len(s.Layers) == 0 && s.Upper != nil:
		only = sys.Grafting{Branch: *s.Upper, Target: "/"}
	default:
		return
	}
	s.Layers, s.Upper = nil, nil
	if s.Root == nil {
		s.Root = &only
		return
	}
	only.Below, only.Target = "usr", "/usr"
	s.Graftings = slices.Insert(s.Graftings, 0, only)
}
