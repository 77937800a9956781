// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Search is where settings are looked for.
type Search struct {
	Dirs   []string // of ours, the most important first; below each: machines and profiles
	Nspawn []string // of systemd-nspawn's settings that are trusted, likewise

	ReadNspawn ReadNspawn
	Started    string // where the settings are that machines were started with
	draft      *draft
	passing    bool // drafts are of what goes with the host's next start
}

// System is where settings are looked for on a host.
func System() Search {
	return Search{
		Dirs:   []string{"/etc/machined-go", "/run/machined-go", "/usr/lib/machined-go"},
		Nspawn: []string{"/etc/systemd/nspawn", "/run/systemd/nspawn"},

		Started: "/run/machined-go/started",
	}
}

// Source is a file that has settings for a machine.
type Source struct {
	Path    string
	Trusted bool
	Nspawn  bool   // it is one of systemd-nspawn's
	Prefix  string // the beginning of the machine's name for which it is; all of it unless the file is for several
}

// ext and dropinExt end the names of files and of directories of drop-ins. allMachines is such a directory for all machines, as service.d is
// one for all services.
const (
	ext         = ".toml"
	dropinExt   = ".toml.d"
	allMachines = "toml.d"
)

// kinds of files below a settings directory.
const (
	machines = "machines"
	profiles = "profiles"
)

// find lists the files for a machine whose tree is at root, in the order in which they are read.
func (s Search) find(name, root string) ([]Source, error) {
	dirs := s.machineDirs()
	var sources []Source
	if main, ok := s.main(dirs, name, root); ok {
		sources = append(sources, main)
	}
	dropins, err := s.dropins(dirs, name)
	return append(sources, dropins...), err
}

// machineDirs are where settings of machines lie, as far as there are such directories.
func (s Search) machineDirs() []string {
	var dirs []string
	for _, dir := range s.Dirs {
		dir = filepath.Join(dir, machines)
		if s.exists(dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// ownFile is where an administrator puts what is for one machine.
func (s Search) ownFile(name string) string { return filepath.Join(s.Dirs[0], machines, name+ext) }

// main finds the first file: one of the machine's name, one for a prefix of it, the longest first, one of systemd-nspawn's, and last one
// that came with the image.
func (s Search) main(dirs []string, name, root string) (Source, bool) {
	for _, prefix := range prefixes(name) {
		if prefix == "" {
			continue
		}
		for _, dir := range dirs {
			path := filepath.Join(dir, prefix+ext)
			if s.exists(path) {
				return Source{Path: path, Trusted: true, Prefix: linkedPrefix(path, name, prefix)}, true
			}
		}
	}
	for _, dir := range s.Nspawn {
		if path := filepath.Join(dir, name+".nspawn"); s.exists(path) {
			return Source{Path: path, Trusted: true, Nspawn: true, Prefix: name}, true
		}
	}
	if root == "" {
		return Source{}, false
	}
	beside := filepath.Dir(root)
	if strings.HasSuffix(beside, ".v") { // a directory of versions (systemd.v(7)) is the image
		beside = filepath.Dir(beside)
	}
	if path := filepath.Join(beside, name+ext); s.exists(path) {
		return Source{Path: path, Prefix: name}, true
	}
	path := filepath.Join(beside, name+".nspawn")
	return Source{Path: path, Nspawn: true, Prefix: name}, s.exists(path)
}

// linkedPrefix gives the prefix that a file is for which is a link to one for a prefix, as instances of units are enabled.
func linkedPrefix(path, name, prefix string) string {
	if target, err := os.Readlink(path); err == nil {
		base, isSettings := strings.CutSuffix(filepath.Base(target), ext)
		if isSettings && strings.HasSuffix(base, "-") && strings.HasPrefix(name, base) {
			return base
		}
	}
	return prefix
}

// prefixes gives the beginnings of a name for which there may be files, the longest first: all of it, what ends with a hyphen, and
// nothing, for all machines.
func prefixes(name string) []string {
	list := []string{name}
	for i := len(name) - 2; i > 0; i-- {
		if name[i] == '-' {
			list = append(list, name[:i+1])
		}
	}
	return append(list, "")
}

// dropins lists the drop-ins in the order of their names, wherever they lie. Of one name, that counts which is for the longest prefix, and
// of these that in the most important directory (systemd.unit(5)).
func (s Search) dropins(dirs []string, name string) ([]Source, error) {
	byName := map[string]Source{}
	for _, prefix := range prefixes(name) {
		folder := prefix + dropinExt
		if prefix == "" {
			folder = allMachines
		}
		for _, dir := range dirs {
			if err := s.dropinsIn(filepath.Join(dir, folder), prefix, byName); err != nil {
				return nil, err
			}
		}
	}
	var list []Source
	for _, base := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, byName[base])
	}
	return list, nil
}

func (s Search) dropinsIn(dir, prefix string, byName map[string]Source) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read settings: %w", err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if s.draft != nil && filepath.Dir(s.draft.path) == dir {
		names = append(names, filepath.Base(s.draft.path))
	}
	for _, name := range names {
		if _, known := byName[name]; !known && strings.HasSuffix(name, ext) && name[0] != '.' {
			byName[name] = Source{Path: filepath.Join(dir, name), Trusted: true, Prefix: prefix}
		}
	}
	return nil
}

// profileDirs are where profiles lie.
func (s Search) profileDirs() []string {
	var dirs []string
	for _, dir := range s.Dirs {
		dirs = append(dirs, filepath.Join(dir, profiles))
	}
	return dirs
}

// profile finds a profile and its drop-ins.
func (s Search) profile(name string) ([]Source, error) {
	dirs := s.profileDirs()
	var sources []Source
	for _, dir := range dirs {
		if path := filepath.Join(dir, name+ext); s.exists(path) {
			sources = append(sources, Source{Path: path, Trusted: true})
			break
		}
	}
	if len(sources) == 0 {
		return nil, nil
	}
	byName := map[string]Source{}
	for _, dir := range dirs {
		if err := s.dropinsIn(filepath.Join(dir, name+dropinExt), "", byName); err != nil {
			return nil, err
		}
	}
	for _, base := range slices.Sorted(maps.Keys(byName)) {
		sources = append(sources, byName[base])
	}
	return sources, nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
