// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"machined-go/boot"
)

// Survey is what was found out about settings of several machines.
type Survey struct {
	Machines []string
	Files    []string
	Mistakes Mistakes
	Notes    []Note
}

// Machine is a machine whose settings are wanted, and where its tree is.
type Machine struct{ Name, Root string }

// Named gives the machines that have settings of their own in the directories of settings.
func (s Search) Named() []string {
	names := map[string]bool{}
	for _, path := range s.inMachines() {
		name, _, _ := strings.Cut(filepath.Base(path), ext)
		if name != "" && !strings.HasSuffix(name, "-") && boot.CheckName(name) == nil {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// inMachines lists files and directories of drop-ins of all machines.
func (s Search) inMachines() []string {
	var paths []string
	for _, dir := range s.Dirs {
		entries, _ := os.ReadDir(filepath.Join(dir, machines))
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ext) || strings.HasSuffix(e.Name(), dropinExt) || e.Name() == allMachines {
				paths = append(paths, filepath.Join(dir, machines, e.Name()))
			}
		}
	}
	return paths
}

// Survey checks the settings of machines, and if all are meant, also files that none of them uses.
func (s Search) Survey(list []Machine, all bool) *Survey {
	var v Survey
	for _, m := range list {
		v.Machines = append(v.Machines, m.Name)
		v.machine(s, m)
	}
	if all {
		for _, path := range s.files() {
			if !slices.Contains(v.Files, path) {
				v.File(path)
			}
		}
	}
	return &v
}

func (v *Survey) machine(s Search, m Machine) {
	set, err := s.Load(m.Name, m.Root)
	if err == nil {
		spec := boot.Spec{Name: m.Name, Root: m.Root}
		err = set.Complete(&spec)
	}
	if set != nil {
		v.use(set)
	}
	v.wrong(err)
}

// use notes the files and remarks of a machine's settings, each once: several machines may share them.
func (v *Survey) use(set *Settings) {
	for _, f := range set.Files {
		if !slices.Contains(v.Files, f.Path) {
			v.Files = append(v.Files, f.Path)
		}
	}
	for _, n := range set.Notes {
		if !slices.Contains(v.Notes, n) {
			v.Notes = append(v.Notes, n)
		}
	}
}

func (v *Survey) wrong(err error) {
	var found Mistakes
	found.add(err)
	for _, m := range found {
		if !slices.ContainsFunc(v.Mistakes, func(old *Mistake) bool { return *old == *m }) {
			v.Mistakes = append(v.Mistakes, m)
		}
	}
}

// File checks one file by itself.
func (v *Survey) File(path string) {
	v.Files = append(v.Files, path)
	content, err := readFile(path, true)
	if err != nil {
		err = mistake(Place{Path: path}, "%v", err)
	} else {
		err = Check(path, content)
	}
	v.wrong(err)
}

// files lists all settings files, also of profiles.
func (s Search) files() []string {
	var paths []string
	for _, dir := range s.Dirs {
		for _, pattern := range []string{"machines/*.toml", "machines/*toml.d/*.toml", "profiles/*.toml", "profiles/*.toml.d/*.toml"} {
			found, _ := filepath.Glob(filepath.Join(dir, pattern))
			for _, path := range found {
				if info, err := os.Stat(path); err == nil && !info.IsDir() && filepath.Base(path)[0] != '.' {
					paths = append(paths, path)
				}
			}
		}
	}
	return paths
}
