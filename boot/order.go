// SPDX-License-Identifier: Apache-2.0

package boot

import "fmt"

// StartOrder is when a machine starts relative to others.
type StartOrder struct {
	// Machines that must be running before this one starts, as far as they are to start at all.
	After []string `toml:"after"`
	// Machines that are started with this one.
	Wants []string `toml:"wants"`
	// Machines without which this one does not start.
	Requires []string `toml:"requires"`
}

func (o StartOrder) validate() error {
	for key, list := range map[string][]string{"after": o.After, "wants": o.Wants, "requires": o.Requires} {
		for _, name := range list {
			if err := CheckName(name); err != nil {
				return fmt.Errorf("setting start.%s: %w", key, err)
			}
		}
	}
	return nil
}
