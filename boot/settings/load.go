// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"machined-go/boot"
	"machined-go/boot/settings/schema"
)

// Settings are all that was said for a machine, merged.
type Settings struct {
	Files []Source // those that were read, in that order, profiles before what includes them
	Notes []Note   // what has no effect
	root  *Value
	t     *schema.Type
}

// Load reads the settings of a machine whose tree is at root. An error may be of several [Mistakes].
func (s Search) Load(name, root string) (*Settings, error) {
	sources, err := s.find(name, root)
	if err != nil {
		return nil, err
	}
	return s.load(name, sources)
}

func (s Search) load(name string, sources []Source) (*Settings, error) {
	set := &Settings{root: newTable(Place{})}
	if len(sources) == 0 {
		return set, nil
	}
	set.t = Schema()
	l := loader{Search: s, Settings: set, machine: name}
	for _, source := range sources {
		l.included = nil
		l.file(source)
	}
	return set, l.wrong.err()
}

// loader reads the files of one machine.
type loader struct {
	Search
	*Settings
	machine  string
	chain    []string // profiles being read, each included by the one before
	included []string // profiles read for the present file
	wrong    Mistakes
}

// file takes in what a file says.
func (l *loader) file(source Source) {
	if len(l.Files) == maxFiles {
		l.wrong.add(mistake(Place{Path: source.Path}, "this is more than the %d files that a machine may have", maxFiles))
		return
	}
	if len(l.Files) > maxFiles || len(l.wrong) >= maxMistakes {
		return
	}
	l.Files = append(l.Files, source)
	if source.Nspawn {
		l.wrong.add(l.nspawn(source))
		return
	}
	v, err := l.read(source)
	if err != nil {
		l.wrong.add(err)
		return
	}
	l.take(v, source)
}

// read gives what a file says: checked, without what it may not say, and with specifiers replaced.
func (l *loader) read(source Source) (*Value, error) {
	content, err := l.content(source)
	if err != nil {
		return nil, mistake(Place{Path: source.Path}, "%v", err)
	}
	v, err := parse(source.Path, content)
	if err != nil {
		return nil, err
	}
	wrong := check(v, l.t)
	if !source.Trusted {
		l.Notes = append(l.Notes, distrust(v)...)
	}
	if len(wrong) == 0 {
		wrong = l.expand(v, source)
	}
	return v, wrong.err()
}

// content gives a file's content; that of one which counts as not there is empty.
func (l *loader) content(source Source) (string, error) {
	if l.draft != nil && l.draft.path == source.Path {
		return l.draft.content, nil
	}
	return readFile(source.Path, source.Trusted)
}

// expand replaces the specifiers in all texts of a file.
func (l *loader) expand(v *Value, source Source) (wrong Mistakes) {
	w := where{l.machine, source.Prefix, source.Path}
	var walk func(path []string, v *Value)
	walk = func(path []string, inner *Value) {
		for _, key := range inner.keys() {
			walk(append(path[:len(path):len(path)], key), inner.Table[key])
		}
		for _, item := range inner.List {
			walk(path, item)
		}
		text, ok := inner.Leaf.(string)
		if !ok || !strings.Contains(text, "%") {
			return
		}
		expanded, own, err := expand(text, w)
		switch {
		case err != nil:
			wrong = append(wrong, mistake(inner.From, "%s: %v", dotted(path), err))
		case !own && !source.Trusted:
			l.Notes = append(l.Notes, ignored(path, inner.From, "a file that came with an image may not ask for facts of the host"))
			v.remove(path)
		default:
			inner.Leaf = expanded
		}
	}
	walk(nil, v)
	return wrong
}

// take resets, includes and merges, in this order.
func (l *loader) take(v *Value, source Source) {
	for _, item := range v.at([]string{"reset"}).items() {
		if path, err := l.settingPath(item); err != nil {
			l.wrong.add(err)
		} else {
			l.root.remove(path)
		}
	}
	for _, item := range v.at([]string{"include"}).items() {
		l.include(item, source)
	}
	delete(v.Table, "reset")
	delete(v.Table, "include")
	l.root = merge(l.root, v, l.t, nil)
}

func (v *Value) items() []*Value {
	if v == nil {
		return nil
	}
	return v.List
}

// settingPath reads the name of a setting, dotted.
func (l *loader) settingPath(item *Value) ([]string, error) {
	path, err := ParseKey(item.Leaf.(string))
	if err != nil {
		return nil, mistake(item.From, "%v", err)
	}
	if _, ok := l.t.Find(path); !ok {
		return nil, mistake(item.From, "%s", unknown(l.t, path))
	}
	return path, nil
}

// include takes in a profile and its drop-ins, for the file that names it.
func (l *loader) include(item *Value, source Source) {
	name := item.Leaf.(string)
	switch {
	case !isProfile(name):
		l.wrong.add(mistake(item.From, "%q is no name of a profile: use letters, digits, '-', '_' and '.', without \".toml\"", name))
		return
	case slices.Contains(l.chain, name):
		chain := append(l.chain[slices.Index(l.chain, name):], name)
		l.wrong.add(mistake(item.From, "profile %q includes itself: %s", name, strings.Join(chain, " includes ")))
		return
	case slices.Contains(l.included, name):
		return
	}
	sources, err := l.profile(name)
	if err == nil && len(sources) == 0 {
		err = errors.New("there is no such file in " + strings.Join(l.profileDirs(), ", "))
	}
	if err != nil {
		l.wrong.add(mistake(item.From, "include profile %q: %v", name, err))
		return
	}
	l.included = append(l.included, name)
	l.chain = append(l.chain, name)
	for _, s := range sources {
		s.Prefix = source.Prefix
		l.file(s)
	}
	l.chain = l.chain[:len(l.chain)-1]
}

// isProfile tells whether a name can be that of a profile: a file name that leads nowhere else.
func isProfile(name string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return name != "" && name[0] != '.' && strings.Trim(name, letters) == "" && !strings.HasSuffix(name, ext)
}

// Apply changes spec to what the settings say. It does not tell whether the whole makes sense: see [Settings.Blame].
func (s *Settings) Apply(spec *boot.Spec) error {
	if len(s.root.Table) == 0 {
		return nil
	}
	d := Document{Spec: *spec}
	if err := fill(reflect.ValueOf(&d).Elem(), s.root, s.t); err != nil {
		return err
	}
	*spec = d.Spec
	return nil
}
