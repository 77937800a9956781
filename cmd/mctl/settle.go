// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"machined-go/boot"
	"machined-go/boot/settings"
)

// settle changes spec to what the settings of its machine say, and tells the user what in them has no effect.
func (a *app) settle(spec *boot.Spec) error {
	ignored, err := settings.Apply(spec)
	for _, line := range ignored {
		fmt.Fprintf(a.err, "mctl: %s\n", line)
	}
	return err
}
