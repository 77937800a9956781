// SPDX-License-Identifier: Apache-2.0

// Package settings reads what an administrator set for a machine: NAME.toml and the drop-ins NAME.toml.d/*.toml.
//
// As with units, of files with the same name the one in /etc counts before that in /run, and that before /usr/lib; drop-ins are
// read in the order of their names, wherever they lie, and later values replace earlier ones. A mistake is an error: a machine
// must not start otherwise than its settings say.
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
	"unicode"

	"github.com/BurntSushi/toml"

	"machined-go/boot"
)

// dirs are the directories that are searched, the most important first.
var dirs = []string{"/etc/machined-go/machines", "/run/machined-go/machines", "/usr/lib/machined-go/machines"}

// maxSize bounds a settings file.
const maxSize = 1 << 20

// Apply changes spec to what the settings of its machine say.
func Apply(spec *boot.Spec) error { return apply(dirs, spec) }

func apply(dirs []string, spec *boot.Spec) error {
	files, err := find(dirs, spec.Name)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := read(file, spec); err != nil {
			return err
		}
	}
	return spec.Validate()
}

// find lists the files for a machine in the order in which they are read.
func find(dirs []string, name string) ([]string, error) {
	var files []string
	for _, dir := range dirs {
		path := filepath.Join(dir, name+".toml")
		if _, err := os.Stat(path); err == nil {
			files = append(files, path)
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read settings: %w", err)
		}
	}
	dropins := map[string]string{}
	for _, dir := range slices.Backward(dirs) {
		found, err := filepath.Glob(filepath.Join(dir, name+".toml.d", "*.toml"))
		if err != nil {
			return nil, fmt.Errorf("read settings: %w", err)
		}
		for _, path := range found {
			dropins[filepath.Base(path)] = path
		}
	}
	for _, base := range slices.Sorted(maps.Keys(dropins)) {
		files = append(files, dropins[base])
	}
	return files, nil
}

// read changes spec to what the file at path says.
func read(path string, spec *boot.Spec) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return fmt.Errorf("read settings: %s is not a regular file of at most %d bytes", path, maxSize)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	return decode(path, string(text), spec)
}

// decode changes spec to what the text of the file at path says.
func decode(path, text string, spec *boot.Spec) error {
	meta, err := toml.Decode(text, spec)
	var bad toml.ParseError
	if errors.As(err, &bad) {
		return fmt.Errorf("%s:%d:%d: %s: correct it, or move the file away", path, bad.Position.Line, bad.Position.Col, oneLine(bad.Message))
	}
	if err != nil {
		return fmt.Errorf("%s: %s: correct it, or move the file away", path, oneLine(strings.TrimPrefix(err.Error(), "toml: ")))
	}
	for _, key := range meta.Undecoded() {
		return fmt.Errorf("%s: unknown setting %q: see machine.toml(5)", path, key)
	}
	return nil
}

// oneLine puts blanks where a text, which may quote the file, has line breaks or what a terminal obeys.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
