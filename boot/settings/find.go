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
}

// System is where settings are looked for on a host.
func System() Search {
	return Search{
		Dirs:   []string{"/etc/machined-go", "/run/machined-go", "/usr/lib/machined-go"},
		Nspawn: []string{"/etc/systemd/nspawn", "/run/systemd/nspawn"},
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
	var dirs []string
	for _, dir := range s.Dirs {
		dir = filepath.Join(dir, machines)
		if exists(dir) {
			dirs = append(dirs, dir)
		}
	}
	var sources []Source
	if main, ok := s.main(dirs, name, root); ok {
		sources = append(sources, main)
	}
	dropins, err := dropins(dirs, name)
	return append(sources, dropins...), err
}

// main finds the first file: one of the machine's name, one for a prefix of it, the longest first, one of systemd-nspawn's, and last one
// that came with the image.
func (s Search) main(dirs []string, name, root string) (Source, bool) {
	for _, prefix := range prefixes(name) {
		if prefix == "" {
			continue
		}
		for _, dir := range dirs {
			path := filepath.Join(dir, prefix+ext)
			if exists(path) {
				return Source{Path: path, Trusted: true, Prefix: linkedPrefix(path, name, prefix)}, true
			}
		}
	}
	for _, dir := range s.Nspawn {
		if path := filepath.Join(dir, name+".nspawn"); exists(path) {
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
	if path := filepath.Join(beside, name+ext); exists(path) {
		return Source{Path: path, Prefix: name}, true
	}
	path := filepath.Join(beside, name+".nspawn")
	return Source{Path: path, Nspawn: true, Prefix: name}, exists(path)
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
func dropins(dirs []string, name string) ([]Source, error) {
	byName := map[string]Source{}
	for _, prefix := range prefixes(name) {
		folder := prefix + dropinExt
		if prefix == "" {
			folder = allMachines
		}
		for _, dir := range dirs {
			if err := dropinsIn(filepath.Join(dir, folder), prefix, byName); err != nil {
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

func dropinsIn(dir, prefix string, byName map[string]Source) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read settings: %w", err)
	}
	for _, e := range entries {
		if _, known := byName[e.Name()]; !known && strings.HasSuffix(e.Name(), ext) && e.Name()[0] != '.' {
			byName[e.Name()] = Source{Path: filepath.Join(dir, e.Name()), Trusted: true, Prefix: prefix}
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
		if path := filepath.Join(dir, name+ext); exists(path) {
			sources = append(sources, Source{Path: path, Trusted: true})
			break
		}
	}
	if len(sources) == 0 {
		return nil, nil
	}
	byName := map[string]Source{}
	for _, dir := range dirs {
		if err := dropinsIn(filepath.Join(dir, name+dropinExt), "", byName); err != nil {
			return nil, err
		}
	}
	for _, base := range slices.Sorted(maps.Keys(byName)) {
		sources = append(sources, byName[base])
	}
	return sources, nil
}

// exists tells whether there is something of that name, also a link that leads nowhere: reading that is an error then.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
