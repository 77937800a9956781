// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"machined-go/boot"
	"machined-go/machine/image"
)

const generateOCIHelp = `Oci writes a bundle as the OCI runtime specification has it: a folder with a
config.json, made from the machine's image and settings, and a copy of its tree,
whose files belong to a range of ids of its own. "mctl run --oci-bundle DIR",
"runc run" and "crun run" run it.

With --reference the tree is not copied: the bundle names the image's own, so what
changes there changes the machine, and root in the container has the rights to
files that root of the host has.

What of the machine's settings a bundle cannot say is told, each on a line.`

const generateOCIExamples = `  mctl generate oci web                   the folder ./web
  mctl generate oci web -o /srv/bundles/web
  mctl generate oci --reference web       no copy of the tree

Next: mctl run --oci-bundle ./web, or runc run --bundle ./web NAME.`

type ociOptions struct {
	dir       string
	reference bool
}

func newGenerateOCICmd(a *app) *cobra.Command {
	o := new(ociOptions)
	cmd := &cobra.Command{
		Use:               "oci [FLAGS] NAME|PATH",
		Short:             "write a bundle for OCI runtimes",
		Long:              generateOCIHelp,
		Example:           generateOCIExamples,
		ValidArgsFunction: a.completeImage,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misuse(cmd, errors.New("name one machine"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilInterrupted(cmd.Context())
			defer stop()
			return a.generateOCI(ctx, o, args[0])
		},
	}
	cmd.Flags().StringVarP(&o.dir, "output", "o", "", "folder of the bundle, new or empty (default: the machine's name)")
	cmd.Flags().BoolVar(&o.reference, "reference", false, "name the image's own tree instead of copying it")
	if err := cmd.MarkFlagDirname("output"); err != nil {
		panic(err)
	}
	return cmd
}

// completeImage completes the image as the first argument alone.
func (a *app) completeImage(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeImages(cmd, args, begun)
}

func (a *app) generateOCI(ctx context.Context, o *ociOptions, name string) error {
	if os.Geteuid() != 0 {
		return errors.New("only root can read a machine's tree: use sudo")
	}
	spec, err := a.imageSpec(name)
	if err != nil {
		return err
	}
	plan, err := boot.Preview(spec)
	if err != nil {
		return err
	}
	if o.dir == "" {
		o.dir = spec.Name
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return err
	}
	w := &ociWriter{plan: plan, dir: dir, reference: o.reference}
	if err := w.write(ctx); err != nil {
		return fmt.Errorf("write bundle %q: %w", dir, err)
	}
	for _, n := range w.notes {
		fmt.Fprintf(a.err, "mctl: not in the bundle: %s\n", oneLine(n.String()))
	}
	_, err = fmt.Fprintln(a.out, dir)
	return err
}

// imageSpec is the spec of the machine that an image makes, which must be a directory.
func (a *app) imageSpec(name string) (boot.Spec, error) {
	root, missing, err := findTree(name)
	if err == nil {
		err = missing
	}
	if err != nil {
		return boot.Spec{}, err
	}
	spec := boot.Spec{Name: imageName(root), Root: root}
	if err := a.settle(&spec); err != nil {
		return spec, err
	}
	if err := spec.Validate(); err != nil {
		return spec, err
	}
	if spec.Root, err = filepath.EvalSymlinks(root); err != nil {
		return spec, err
	}
	img, err := image.At(spec.Root)
	if err == nil && img.Type != image.Directory && img.Type != image.Subvolume {
		err = fmt.Errorf("image %q is no directory, which the root of a bundle has to be", name)
	}
	return spec, err
}
