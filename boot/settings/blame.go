// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"slices"
	"strings"

	"machined-go/boot"
)

// Blame finds out which setting makes a spec invalid, and gives the error its place: it is the one without which there is no such
// error, the last if there are several. spec is as it was before the settings were applied.
func (s *Settings) Blame(err error, spec boot.Spec) error {
	var culprit Row
	for _, row := range s.Rows() {
		other := spec
		if s.without(row).Apply(&other) != nil {
			continue
		}
		again := other.Validate()
		if (again == nil || again.Error() != err.Error()) && (culprit.Value == nil || s.later(row, culprit)) {
			culprit = row
		}
	}
	if culprit.Value == nil {
		return err
	}
	if strings.Contains(err.Error(), culprit.Name()) {
		return mistake(culprit.Value.From, "%v", err)
	}
	return mistake(culprit.Value.From, "%s: %v", culprit.Name(), err)
}

// later tells whether one value was read after another.
func (s *Settings) later(a, b Row) bool {
	order := func(p Place) int {
		return slices.IndexFunc(s.Files, func(f Source) bool { return f.Path == p.Path })
	}
	from, to := a.Value.From, b.Value.From
	if order(from) != order(to) {
		return order(from) > order(to)
	}
	return from.Line > to.Line
}
