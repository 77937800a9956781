// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"fmt"
	"path/filepath"
)

// Passing gives a search whose drafts are of a file that is gone when the host has started again.
func (s Search) Passing() Search {
	s.passing = true
	return s
}

// Forget takes changes that have been made for good out of the file that [Search.Passing] is about, where they would win over a draft,
// and has the draft tell what is so afterwards.
func (s Search) Forget(name string, d *Draft, changes []Change) error {
	path := s.Passing().dropinOf(name)
	if !exists(path) {
		return nil
	}
	unlock, err := lockDir(filepath.Dir(filepath.Dir(path)))
	if err != nil {
		return err
	}
	defer unlock()
	content, err := readFile(path, true)
	if err != nil {
		return fmt.Errorf("read settings %q: %w", path, err)
	}
	own, err := parse(path, content)
	if err != nil {
		return err
	}
	for _, c := range changes {
		own.remove(c.Key)
		dropReset(own, c.Key)
	}
	if err := (&Draft{Path: path, Content: render(own)}).Save(); err != nil {
		return err
	}
	if d.Then, err = s.Load(name, d.root); err != nil {
		return err
	}
	d.overrule(changes)
	return nil
}
