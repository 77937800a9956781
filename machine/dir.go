// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Directories of the state files.
const (
	PublicDir = "/run/systemd/machines"
	OwnDir    = "/run/machined-go/records"
)

// Dir keeps the machines' files. The public file is the one that counts: it is
// put in place last and taken away first.
type Dir struct {
	public, own string
}

// OpenDir makes the directories if they are not there.
func OpenDir(public, own string) (*Dir, error) {
	for _, d := range []string{public, own} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, fmt.Errorf("make state directory: %w", err)
		}
	}
	return &Dir{public: public, own: own}, nil
}

// save writes a machine's files and its unit link. Each file appears by
// rename, which is what watchers look for (sd_login_monitor(3)).
func (d *Dir) save(m *Machine) error {
	r := recordOf(m)
	if err := replace(d.own, m.Name, r.own()); err != nil {
		return fmt.Errorf("save machine %q: %w", m.Name, err)
	}
	if err := replace(d.public, m.Name, r.public()); err != nil {
		return fmt.Errorf("save machine %q: %w", m.Name, err)
	}
	if m.Unit == "" || m.Subgroup != "" {
		return nil
	}
	link := d.unitLink(m.Unit)
	if to, err := os.Readlink(link); err == nil && to == m.Name {
		return nil
	}
	_ = os.Remove(link)
	if err := os.Symlink(m.Name, link); err != nil {
		return fmt.Errorf("save machine %q: %w", m.Name, err)
	}
	return nil
}

// remove takes away what save made. It is not an error that it is gone.
func (d *Dir) remove(m *Machine) error {
	var errs []error
	if m.Unit != "" {
		link := d.unitLink(m.Unit)
		if to, err := os.Readlink(link); err == nil && to == m.Name {
			errs = append(errs, ignoreMissing(os.Remove(link)))
		}
	}
	errs = append(errs, ignoreMissing(os.Remove(filepath.Join(d.public, m.Name))),
		ignoreMissing(os.Remove(filepath.Join(d.own, m.Name))))
	return errors.Join(errs...)
}

func (d *Dir) unitLink(unit string) string { return filepath.Join(d.public, "unit:"+unit) }

// load reads all machines. What is no machine's file is left alone, but for
// our own leftovers: temporary files, links and notes without a machine.
func (d *Dir) load() (records []record, bad []error) {
	entries, err := os.ReadDir(d.public)
	if err != nil {
		return nil, []error{fmt.Errorf("read state directory: %w", err)}
	}
	known := map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		if !ValidName(name) || !e.Type().IsRegular() {
			continue
		}
		r, err := d.read(name)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		known[name] = true
		records = append(records, r)
	}
	d.sweep(entries, known)
	return records, bad
}

func (d *Dir) read(name string) (record, error) {
	public, err := os.ReadFile(filepath.Join(d.public, name))
	if err != nil {
		return record{}, fmt.Errorf("load machine %q: %w", name, err)
	}
	own, _ := os.ReadFile(filepath.Join(d.own, name)) // absent for what others registered
	r, err := parseRecord(name, string(public), string(own))
	if err != nil {
		return record{}, fmt.Errorf("load machine %q: %w", name, err)
	}
	return r, nil
}

// sweep removes what a kill in the middle of save or remove can leave.
func (d *Dir) sweep(entries []os.DirEntry, known map[string]bool) {
	for _, e := range entries {
		p := filepath.Join(d.public, e.Name())
		if strings.HasPrefix(e.Name(), tempPrefix) {
			_ = os.Remove(p)
		}
		if to, err := os.Readlink(p); err == nil && strings.HasPrefix(e.Name(), "unit:") && !known[to] {
			_ = os.Remove(p)
		}
	}
	mine, _ := os.ReadDir(d.own)
	for _, e := range mine {
		if !known[e.Name()] {
			_ = os.Remove(filepath.Join(d.own, e.Name()))
		}
	}
}

// tempPrefix is no valid beginning of a machine name, so readers skip it.
const tempPrefix = ".#"

func replace(dir, name string, data []byte) error {
	temp := filepath.Join(dir, tempPrefix+name)
	if err := os.WriteFile(temp, data, 0o644); err != nil {
		_ = os.Remove(temp)
		return err
	}
	if err := os.Chmod(temp, 0o644); err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(dir, name)); err != nil {
		_ = os.Remove(temp)
		return err
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
