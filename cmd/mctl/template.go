// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot"
	"machined-go/machine/image"
)

// findTree finds the image of a machine, by its name or path. One that is not there yet may be made from a template: then missing
// says so, and is the error if there is no template.
func findTree(name string) (path string, missing, err error) {
	if strings.Contains(name, "/") {
		path, err = filepath.Abs(name)
		return path, nil, err
	}
	img, err := image.Find(name)
	if errors.Is(err, image.ErrNotFound) {
		return filepath.Join(image.PoolPath, name), err, nil
	}
	return img.Path, nil, err
}

// template is the image that spec's machine has its tree from.
func template(spec boot.Spec) (image.Image, error) {
	var (
		img image.Image
		err error
	)
	if strings.HasPrefix(spec.Template, "/") {
		img, err = image.At(spec.Template)
	} else {
		img, err = image.Find(spec.Template)
	}
	if err != nil {
		return img, fmt.Errorf("find template of %q: %w", spec.Name, err)
	}
	return img, nil
}

// missingTree tells whether there is no tree yet.
func missingTree(root string) (bool, error) {
	var err error
	if dir, name := filepath.Split(root); filepath.Clean(dir) == image.PoolPath {
		_, err = image.Find(name)
	} else {
		_, err = os.Lstat(root)
	}
	if errors.Is(err, image.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// makeTree makes the tree of a machine from its template, if there is none yet.
func makeTree(ctx context.Context, spec *boot.Spec) (made bool, err error) {
	if spec.Template == "" {
		return false, nil
	}
	missing, err := missingTree(spec.Root)
	if err != nil {
		return false, err
	}
	if missing {
		from, err := template(*spec)
		if err != nil {
			return false, err
		}
		err = from.DeriveAt(ctx, spec.Root)
		if made = err == nil; err != nil && !errors.Is(err, unix.EEXIST) { // that somebody else made meanwhile
			return false, err
		}
	}
	if dir, name := filepath.Split(spec.Root); filepath.Clean(dir) == image.PoolPath {
		img, err := image.Find(name)
		spec.Root = img.Path
		return made, err
	}
	return made, nil
}

// readyTree makes sure that there is a tree, tells whether it had to be made, and finds out what it is made of.
func readyTree(ctx context.Context, spec *boot.Spec) (made bool, err error) {
	made, err = makeTree(ctx, spec)
	if err == nil {
		err = furnish(spec)
	}
	return made, err
}

// removeTree removes the tree that was made for a machine.
func removeTree(ctx context.Context, path string) error {
	img, err := image.At(path)
	if err != nil {
		return err
	}
	return img.Remove(ctx)
}

// lookAtTemplate makes a preview of a boot look at the template, as long as there is no tree made from it.
func lookAtTemplate(spec *boot.Spec) error {
	if spec.Template == "" {
		return nil
	}
	missing, err := missingTree(spec.Root)
	if !missing || err != nil {
		return err
	}
	img, err := template(*spec)
	spec.Root = img.Path
	return err
}
