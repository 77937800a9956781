// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
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

// makeTree makes the tree of a machine from its template, if there is none yet.
func makeTree(ctx context.Context, spec *boot.Spec) error {
	dir, name := filepath.Split(spec.Root)
	if spec.Template == "" || filepath.Clean(dir) != image.PoolPath {
		return nil
	}
	_, err := image.Find(name)
	if errors.Is(err, image.ErrNotFound) {
		from, findErr := template(*spec)
		if findErr != nil {
			return findErr
		}
		err = from.Derive(ctx, name)
		if errors.Is(err, unix.EEXIST) {
			err = nil // somebody else made it meanwhile
		}
	}
	if err != nil {
		return err
	}
	made, err := image.Find(name)
	spec.Root = made.Path
	return err
}

// readyTree makes sure that there is a tree, and finds out what it is made of.
func readyTree(ctx context.Context, spec *boot.Spec) error {
	if err := makeTree(ctx, spec); err != nil {
		return err
	}
	return furnish(spec)
}

// lookAtTemplate makes a preview of a boot look at the template, as long as there is no tree made from it.
func lookAtTemplate(spec *boot.Spec) error {
	if spec.Template == "" {
		return nil
	}
	if _, err := image.Find(filepath.Base(spec.Root)); !errors.Is(err, image.ErrNotFound) {
		return err
	}
	img, err := template(*spec)
	spec.Root = img.Path
	return err
}
