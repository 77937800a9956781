// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"machined-go/boot"
	"machined-go/boot/settings"
	"machined-go/machine/image"
)

// settle changes spec to what the settings of its machine say, tells the user what in them has no effect, and keeps them for record.
func (a *app) settle(spec *boot.Spec) error {
	set, err := a.settings.Load(spec.Name, spec.Root)
	if err != nil {
		return err
	}
	a.tellNotes(set.Notes)
	a.settled = set
	if len(set.Files) > 0 {
		spec.Traces = append(spec.Traces, a.settings.StartedFile(spec.Name))
	}
	return set.Complete(spec)
}

// record keeps the settings of a machine that is about to run, for those who ask what has changed since.
func (a *app) record(name string) {
	if a.settled != nil {
		a.settings.Note(name, a.settled)
	}
}

func (a *app) tellNotes(notes []settings.Note) {
	for _, n := range notes {
		fmt.Fprintf(a.err, "mctl: %s\n", n)
	}
}

// loadSettings reads the settings of a machine of which there need not be an image yet.
func (a *app) loadSettings(name string) (*settings.Settings, error) {
	return a.settings.Load(name, rootOf(name))
}

// rootOf is where a machine's tree is, or would be.
func rootOf(name string) string {
	if img, err := image.Find(name); err == nil {
		return img.Path
	}
	return image.PoolPath + "/" + name
}
