// SPDX-License-Identifier: Apache-2.0

package main

import (
	"machined-go/boot"
	"machined-go/machine/image"
)

// furnish finds out what the machine's tree is made of, if that is a disk image or layers. What nobody may write boots read-only, as with
// systemd-nspawn.
func furnish(spec *boot.Spec) error {
	policy, err := imagePolicy(*spec)
	if err != nil {
		return err
	}
	switch {
	case spec.Stack != nil || image.IsStack(spec.Root):
		stack, err := image.Layers(spec.Root, policy)
		if err != nil {
			return err
		}
		spec.Stack = &stack
		sealed := stack.Upper == nil && (stack.Root == nil && len(stack.Layers) > 0 || stack.Root != nil && stack.Root.ReadOnly)
		spec.ReadOnly = spec.ReadOnly || sealed && !spec.SharesImage()
		return nil
	case !image.IsDisk(spec.Root):
		return nil
	}
	parts, err := image.Parts(spec.Root, policy)
	if err != nil {
		return err
	}
	spec.Parts = parts
	if img, err := image.At(spec.Root); err == nil && img.ReadOnly && !spec.SharesImage() {
		spec.ReadOnly = true
	}
	return nil
}

// imagePolicy is the policy for the disk images of a machine; nil if none is set.
func imagePolicy(spec boot.Spec) (image.Policy, error) {
	if spec.ImagePolicy == "" {
		return nil, nil
	}
	return boot.ParseImagePolicy(spec.ImagePolicy)
}
