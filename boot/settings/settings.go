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

// Settings is what a settings file may say. The zero value leaves everything as it is by default.
type Settings struct {
	Hostname    string            `toml:"hostname"`    // host name at boot; by default the machine's name
	Environment map[string]string `toml:"environment"` // variables for the machine's init
	ReadOnly    *bool             `toml:"read_only"`   // make the root read-only
	Network     *Network          `toml:"network"`
}

// Network is the [network] table.
type Network struct {
	Veth *bool `toml:"veth"` // a virtual Ethernet pair to the host; by default there is one
}

// Apply changes spec to what the settings of its machine say.
func Apply(spec *boot.Spec) error { return apply(dirs, spec) }

func apply(dirs []string, spec *boot.Spec) error {
	files, err := find(dirs, spec.Name)
	if err != nil {
		return err
	}
	var s Settings
	for _, file := range files {
		if err := read(file, &s); err != nil {
			return err
		}
	}
	s.change(spec)
	return spec.Validate()
}

func (s Settings) change(spec *boot.Spec) {
	if s.Hostname != "" {
		spec.Hostname = s.Hostname
	}
	for name, value := range s.Environment {
		spec.Env = append(spec.Env, name+"="+value)
	}
	slices.Sort(spec.Env)
	if s.ReadOnly != nil {
		spec.ReadOnly = *s.ReadOnly
	}
	if s.Network != nil && s.Network.Veth != nil {
		spec.Veth = *s.Network.Veth
	}
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

// read adds what the file at path says to s.
func read(path string, s *Settings) error {
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
	return decode(path, string(text), s)
}

// decode adds what the text of the file at path says to s.
func decode(path, text string, s *Settings) error {
	meta, err := toml.Decode(text, s)
	var bad toml.ParseError
	if errors.As(err, &bad) {
		return fmt.Errorf("%s:%d:%d: %s: correct it, or move the file away", path, bad.Position.Line, bad.Position.Col, oneLine(bad.Message))
	}
	if err != nil {
		return fmt.Errorf("%s: %s: correct it, or move the file away", path, oneLine(strings.TrimPrefix(err.Error(), "toml: ")))
	}
	for _, key := range meta.Undecoded() {
		return fmt.Errorf("%s: unknown setting %q: known are hostname, environment, read_only and network.veth", path, key)
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
