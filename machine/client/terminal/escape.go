// SPDX-License-Identifier: Apache-2.0

package terminal

import "time"

// The way out of a session: Ctrl-] three times within a second, as machinectl
// and systemd-nspawn have it.
const (
	escapeKey    = 0x1d
	escapeTimes  = 3
	escapeWithin = time.Second
)

// escape counts the keys that lead out.
type escape struct {
	first time.Time
	count int
}

// pressed takes what was typed at a moment. It says how many bytes of it go to
// the machine, and whether the user wants out.
func (e *escape) pressed(typed []byte, now time.Time) (int, bool) {
	for i, key := range typed {
		if key != escapeKey {
			e.count = 0
			continue
		}
		if e.count == 0 || now.Sub(e.first) > escapeWithin {
			e.first, e.count = now, 0
		}
		if e.count++; e.count == escapeTimes {
			return i, true
		}
	}
	return len(typed), false
}
