// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"machined-go/boot/sys"
	"machined-go/machine/image"
)

// cleanUp removes the lock files that a killed machine left, as the daemon does by itself sooner or later. Mounts it leaves none: these
// are in a namespace that ends with it.
func (a *app) cleanUp(o *runOptions, args []string) error {
	spec, err := a.resolve(o, args)
	if err != nil {
		return err
	}
	gone, trees, err := sys.RemoveNote(sys.Notes, spec.Name)
	if err != nil {
		return fmt.Errorf("clean up after machine %q: %w", spec.Name, err)
	}
	if _, err := os.Lstat(filepath.Join(sys.Notes, spec.Name)); err == nil && !gone {
		return fmt.Errorf("clean up after machine %q: it runs: end it with `mctl poweroff %s` first", spec.Name, spec.Name)
	}
	image.Sweep(spec.Root)
	for _, dir := range trees {
		err = errors.Join(err, sys.RemoveScratch(dir))
	}
	return err
}
