// SPDX-License-Identifier: Apache-2.0

package settings

import "fmt"

// Migrate gives what a machine's settings for systemd-nspawn mean, and the path of its own file, into which they can be written.
func (s Search) Migrate(name, root string) (set *Settings, path string, err error) {
	path = s.ownFile(name)
	main, ok := s.main(s.machineDirs(), name, root)
	switch {
	case !ok:
		return nil, path, fmt.Errorf("machine %q has no settings of systemd-nspawn: there is no %s.nspawn", name, name)
	case !main.Nspawn:
		return nil, path, fmt.Errorf("machine %q has settings already, which count before those of systemd-nspawn: %s", name, main.Path)
	}
	set, err = s.load(name, []Source{main})
	return set, path, err
}
