// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"reflect"

	"machined-go/boot"
)

// ReadNspawn changes spec to what a file of systemd-nspawn's settings says (systemd.nspawn(5)), as far as that may come from a file of
// this trust, and tells in a line each what in it has no effect.
type ReadNspawn func(path string, trusted bool, spec *boot.Spec) (ignored []string, err error)

// nspawn takes in a file of systemd-nspawn's settings as if it had been one of ours: what it changes in a spec is what it says.
func (l *loader) nspawn(source Source) error {
	at := Place{Path: source.Path}
	if l.ReadNspawn == nil {
		l.Notes = append(l.Notes, Note{Place: at, Text: "settings of systemd-nspawn are not read here"})
		return nil
	}
	before := Document{Spec: boot.Spec{Name: l.machine, Root: "/"}}
	after := before
	ignored, err := l.ReadNspawn(source.Path, source.Trusted, &after.Spec)
	if err != nil {
		return mistake(at, "%v", err)
	}
	if v := from(reflect.ValueOf(after), reflect.ValueOf(before), l.t, at); v != nil {
		l.root = merge(l.root, v, l.t, nil)
	}
	for _, line := range ignored {
		l.Notes = append(l.Notes, Note{Place: at, Text: line})
	}
	return nil
}
