// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"fmt"
	"slices"
	"strings"
)

// harmless are the settings that a file beside an image may have: it came with the image, from whoever made that. They are those that
// systemd-nspawn takes from a file it does not trust (systemd.nspawn(5)), and whatever else takes from the machine rather than from
// the host.
var harmless = []string{
	"hostname", "command", "init_arguments", "stub_init", "environment", "user", "working_directory", "kill_signal", "notify_ready",
	"personality", "read_only", "volatile", "pivot_root",
	"security.drop_capabilities", "security.no_new_privileges", "security.deny_system_calls", "security.deny_address_families",
	"security.suppress_sync",
	"integration.resolv_conf", "integration.timezone",
}

// Harmless are the settings that a file beside an image may have.
func Harmless() []string { return slices.Clone(harmless) }

// Note is something that a file says and that has no effect.
type Note struct {
	Place
	Key  string `json:"key,omitempty"`
	Text string `json:"text"`
}

// String gives the note as one line.
func (n Note) String() string { return oneLine(n.Place.Short() + ": " + n.Text) }

// distrust takes out of a file what one that came with an image may not say, and tells what that was.
func distrust(v *Value) []Note {
	var notes []Note
	for _, path := range settingsIn(v, nil) {
		if !slices.Contains(harmless, strings.Join(path, ".")) {
			notes = append(notes, ignored(path, v.at(path).From, "a file that came with an image may not set it"))
			v.remove(path)
		}
	}
	return notes
}

func ignored(path []string, at Place, why string) Note {
	key := keyText(path...)
	return Note{at, key, fmt.Sprintf("%q is ignored: %s; if you want it, put it into %s", key, why, machinesDir)}
}

// machinesDir is where an administrator puts settings.
const machinesDir = "/etc/machined-go/machines"

// settingsIn gives the paths of the settings in a table: sections are gone into, and tables that are settings are not.
func settingsIn(v *Value, path []string) (paths [][]string) {
	for _, key := range v.keys() {
		inner := append(path[:len(path):len(path)], key)
		section := strings.Join(inner, ".") + "."
		within := slices.ContainsFunc(harmless, func(h string) bool { return strings.HasPrefix(h, section) })
		if within && v.Table[key].Table != nil {
			paths = append(paths, settingsIn(v.Table[key], inner)...)
		} else {
			paths = append(paths, inner)
		}
	}
	return paths
}
