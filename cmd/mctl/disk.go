// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"machined-go/boot"
	"machined-go/boot/settings"
	"machined-go/boot/sys"
	"machined-go/machine/image"
)

// claimImage locks the image of a machine that is to be started, and bounds its space if the machine's is bounded.
func claimImage(spec *boot.Spec) boot.LockImage {
	return func(lock sys.Locker) ([]*os.File, error) {
		locks, err := image.LockBy(lock, spec.Root, !spec.SharesImage())
		if err != nil || spec.Resources.Disk == "" {
			return locks, err
		}
		if err := limitDisk(spec.Root, spec.Resources); err != nil {
			image.Release(locks...)
			return nil, err
		}
		return locks, nil
	}
}

// limitDisk bounds the space of the tree at root to what r says.
func limitDisk(root string, r boot.Resources) error {
	bytes, err := r.DiskLimit()
	if err != nil {
		return err
	}
	img, err := image.At(root)
	if err == nil {
		err = img.SetLimit(bytes)
	}
	if bytes == image.Unknown && (errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, image.ErrNotFound)) {
		return nil // there is none to take back
	}
	if err != nil {
		return fmt.Errorf("setting resources.disk: %w", err)
	}
	return nil
}

// changeDisk does what a change of settings means for a machine's tree, before it is written.
func changeDisk(name string, draft *settings.Draft, passing bool) error {
	before := boot.Spec{Name: name, Root: rootOf(name)}
	then := before
	if err := errors.Join(draft.Now.Apply(&before), draft.Then.Apply(&then)); err != nil {
		return err
	}
	if before.Resources.Disk == then.Resources.Disk {
		return nil
	}
	if passing {
		return errors.New("setting resources.disk: it stays with the tree of the machine, so it cannot be set for some time")
	}
	if then.Resources.Disk != "" {
		if _, err := image.At(then.Root); err != nil {
			return nil // it is limited when it is started
		}
	}
	return limitDisk(then.Root, then.Resources)
}
