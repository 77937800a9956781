// SPDX-License-Identifier: Apache-2.0

// Package settings reads what an administrator set for a machine (machine.toml(5)): NAME.toml, the drop-ins NAME.toml.d/*.toml, the
// profiles that these include, and what they say for several machines at once.
//
// It works like that of units: of files with the same name the one in /etc counts before that in /run, and that before /usr/lib; drop-ins
// are read in the order of their names, wherever they lie; later values replace earlier ones, and lists grow. Files are parsed to
// trees of [Value], which know the place where each was said, and merged as such. A mistake is an error: a machine must not start
// otherwise than its settings say.
package settings

import (
	"machined-go/boot"
)

// Complete changes spec to what the settings say, and tells which of them makes no sense if one does not.
func (s *Settings) Complete(spec *boot.Spec) error {
	before := *spec
	if err := s.Apply(spec); err != nil {
		return err
	}
	if err := spec.Validate(); err != nil {
		return s.Blame(err, before)
	}
	return nil
}
