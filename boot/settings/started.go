// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"os"
	"path/filepath"
	"time"
)

// Started are the settings that a machine was started with.
type Started struct {
	*Settings
	Time time.Time // when they were noted, right before the machine ran
}

// Note keeps the settings of a machine that starts, so that it can be told later which have changed since. None leave no file.
func (s Search) Note(name string, set *Settings) {
	path := s.StartedFile(name)
	if len(set.root.Table) == 0 {
		_ = os.Remove(path)
		return
	}
	// Nobody needs it to survive a crash of the host, so it is written without waiting for the disk.
	if os.MkdirAll(s.Started, 0o755) != nil || os.WriteFile(path+"~", []byte(set.TOML()), 0o600) != nil || os.Rename(path+"~", path) != nil {
		_ = os.Remove(path) // what a start before this one left
	}
}

// StartedFile is where Note keeps the settings of a machine.
func (s Search) StartedFile(name string) string { return filepath.Join(s.Started, name+ext) }

// ReadStarted gives the settings that a machine was started with; there are none if nothing was noted.
func (s Search) ReadStarted(name string) (Started, error) {
	path := s.StartedFile(name)
	info, err := os.Stat(path)
	if os.IsNotExist(err) {
		return Started{Settings: &Settings{root: newTable(Place{}), t: Schema()}}, nil
	}
	if err != nil {
		return Started{}, err
	}
	set, err := s.load(name, []Source{{Path: path, Trusted: true, Prefix: name}})
	return Started{set, info.ModTime()}, err
}
