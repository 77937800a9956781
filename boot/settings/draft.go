// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"machined-go/boot"
)

// Draft is a settings file that is to be written, of which is known what it will mean.
type Draft struct {
	Path     string
	Content  string // empty: the file is to go
	Now      *Settings
	Then     *Settings
	Overrule []Row // of what the file says, those values that others put in their place
	unlock   func()
	root     string // of the machine's tree
}

// draft is a file that counts as if it had been written.
type draft struct{ path, content string }

// with gives a search that finds a file as if it had been written.
func (s Search) with(path, content string) Search {
	s.draft = &draft{path, content}
	return s
}

// exists tells whether there is something of that name, also a link that leads nowhere: reading that is an error then.
func (s Search) exists(path string) bool {
	if s.draft != nil && (path == s.draft.path || strings.HasPrefix(s.draft.path, path+"/")) {
		return true
	}
	return exists(path)
}

// Proof tells what the settings of a machine are if a file has another content, and what would then be wrong.
func (s Search) Proof(name, root, path, content string) (*Settings, error) {
	set, err := s.with(path, content).Load(name, root)
	if err != nil {
		return nil, err
	}
	spec := boot.Spec{Name: name, Root: root}
	return set, set.Complete(&spec)
}

// dropinOf is the path of a machine's drop-in that programs write.
func (s Search) dropinOf(name string) string {
	dir, base := s.Dirs[0], ownDropin
	if s.passing {
		dir, base = s.Dirs[1], passingDropin
	}
	return filepath.Join(dir, machines, name+dropinExt, base)
}

// ownDropin is what changes by command go into: late enough to win over most, and leaving room for what shall win over it. Changes that are to
// last until the host's next start win over it.
const (
	ownDropin     = "50-mctl-set" + ext
	passingDropin = "55-mctl-set-runtime" + ext
)

// Change is a new value of a setting; nil means that it is to be as if nothing was said of it.
type Change struct {
	Key   []string
	Value *Value
}

// Name is the setting's key, dotted.
func (c Change) Name() string { return keyText(c.Key...) }

// Draft makes the drop-in that gives settings of a machine new values. It is locked until it is closed; nothing is written before
// Save.
func (s Search) Draft(name, root string, changes []Change) (*Draft, error) {
	d := &Draft{Path: s.dropinOf(name), root: root}
	unlock, err := lockDir(filepath.Dir(filepath.Dir(d.Path)))
	if err != nil {
		return nil, err
	}
	d.unlock = unlock
	if err := s.fillDraft(d, name, root, changes); err != nil {
		d.Close()
		return nil, d.unplaced(err)
	}
	return d, nil
}

// unplaced takes from a mistake the place in a file that is not written.
func (d *Draft) unplaced(err error) error {
	var m *Mistake
	if errors.As(err, &m) && m.Path == d.Path {
		return errors.New(m.Text)
	}
	return err
}

// Close lets others change settings.
func (d *Draft) Close() { d.unlock() }

func (s Search) fillDraft(d *Draft, name, root string, changes []Change) (err error) {
	if d.Now, err = s.Load(name, root); err != nil {
		return err
	}
	own := newTable(Place{Path: d.Path})
	if exists(d.Path) {
		content, err := readFile(d.Path, true)
		if err != nil {
			return err
		}
		if own, err = parse(d.Path, content); err != nil {
			return err
		}
	}
	for _, c := range changes {
		revise(own, c)
	}
	// What other files say is taken back only where they do.
	if d.Then, err = s.with(d.Path, render(own)).Load(name, root); err != nil {
		return err
	}
	for _, c := range changes {
		if c.Value == nil && d.Then.root.at(c.Key) != nil {
			addReset(own, c.Key)
		}
	}
	d.Content = render(own)
	if d.Then, err = s.Proof(name, root, d.Path, d.Content); err != nil {
		return err
	}
	d.overrule(changes)
	return nil
}

// overrule finds what wins over the file.
func (d *Draft) overrule(changes []Change) {
	d.Overrule = nil
	for _, c := range changes {
		d.Overrule = append(d.Overrule, d.Then.others(c, d.Path)...)
	}
}

// render gives the content of a drop-in that programs write.
func render(own *Value) string {
	if len(own.Table) == 0 {
		return ""
	}
	return ownHead + write(own, Schema())
}

const ownHead = "# Written by `mctl config set`, which keeps no remarks in this file. What is to win over it goes into a file with a later name.\n"

// revise puts a change into the table of a drop-in.
func revise(own *Value, c Change) {
	own.remove(c.Key)
	dropReset(own, c.Key)
	if c.Value == nil {
		return
	}
	own.put(c.Key, c.Value)
	if c.Value.Leaf == nil && !slices.Contains(wholes, c.Name()) {
		addReset(own, c.Key) // what others have in it is not to stay in it
	}
}

func addReset(own *Value, key []string) {
	list := own.Table["reset"]
	if list == nil {
		list = &Value{List: []*Value{}}
		own.Table["reset"] = list
	}
	list.List = append(list.List, &Value{Leaf: keyText(key...)})
}

func dropReset(own *Value, key []string) {
	var kept []*Value
	for _, item := range own.at([]string{"reset"}).items() {
		if item.Leaf != keyText(key...) {
			kept = append(kept, item)
		}
	}
	if len(kept) == 0 {
		delete(own.Table, "reset")
	} else {
		own.Table["reset"].List = kept
	}
}

// others gives what another file has put in the place of a change.
func (s *Settings) others(c Change, path string) (list []Row) {
	for _, row := range s.Rows() {
		if len(row.Key) >= len(c.Key) && keyText(row.Key[:len(c.Key)]...) == keyText(c.Key...) && row.Value.From.Path != path {
			list = append(list, row)
		}
	}
	return list
}

// Save writes the file, all at once, or removes it.
func (d *Draft) Save() error {
	if d.Content == "" {
		return removeFile(d.Path)
	}
	return WriteFile(d.Path, d.Content)
}

// ParseChange reads a change from words: the text of a string, the items of a list of strings, or any value as TOML has it.
func ParseChange(key string, words []string) (Change, error) {
	path, err := ParseKey(key)
	if err != nil {
		return Change{}, err
	}
	t := Schema()
	f, ok := t.Find(path)
	if !ok || path[0] == "include" || path[0] == "reset" {
		return Change{}, fmt.Errorf("%s", unknown(t, path))
	}
	v, err := parseWords(f.Type, path, words)
	if err != nil {
		return Change{}, fmt.Errorf("%s: %w", keyText(path...), err)
	}
	whole := newTable(Place{})
	whole.put(path, v)
	if wrong := check(whole, t); len(wrong) > 0 {
		return Change{}, fmt.Errorf("%s", wrong[0].Text)
	}
	return Change{path, v}, nil
}
