// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"machined-go/boot/settings"
	"machined-go/machine/image"
)

const configCheckHelp = `Check reads settings files as a start would and prints every mistake with its
file, line and column. Without a name it checks the files of all machines, and
profiles. A name with a "/" in it is that of a file.

The exit status is 1 if there is a mistake. What is only ignored is printed too.`

const configCheckExamples = `  mctl config check                       all that there are
  mctl config check web db
  mctl config check ./new.toml            before it is put into its place`

func newConfigCheckCmd(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:               "check [NAME|FILE…]",
		Short:             "find mistakes in settings files",
		Long:              configCheckHelp,
		Example:           configCheckExamples,
		Args:              namesOrFiles,
		ValidArgsFunction: a.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(cmd, format); err != nil {
				return err
			}
			return a.checkConfig(args, format)
		},
	}
	a.output(cmd, &format)
	return cmd
}

func namesOrFiles(cmd *cobra.Command, args []string) error {
	return optionalNames(cmd, slices.DeleteFunc(slices.Clone(args), isFile))
}

func isFile(arg string) bool { return strings.Contains(arg, "/") }

// finding is a mistake or a remark for programs.
type finding struct {
	settings.Place
	Kind string `json:"kind"`
	Text string `json:"text"`
}

func (a *app) checkConfig(args []string, format string) error {
	survey := a.survey(args)
	if format == "json" {
		list := []finding{}
		for _, m := range survey.Mistakes {
			list = append(list, finding{m.Place, "mistake", m.Text})
		}
		for _, n := range survey.Notes {
			list = append(list, finding{n.Place, "ignored", n.Text})
		}
		if err := a.printJSON(list); err != nil {
			return err
		}
	} else {
		for _, m := range survey.Mistakes {
			fmt.Fprintln(a.out, m)
		}
		for _, n := range survey.Notes {
			fmt.Fprintln(a.out, n)
		}
	}
	if len(survey.Mistakes) > 0 {
		return exitStatus(exitFailure)
	}
	if a.screen && format != "json" {
		fmt.Fprintf(a.out, "no mistakes in %d files of %d machines\n", len(survey.Files), len(survey.Machines))
	}
	return nil
}

func (a *app) survey(args []string) *settings.Survey {
	var machines []settings.Machine
	if len(args) == 0 {
		for _, name := range a.allNames() {
			machines = append(machines, settings.Machine{Name: name, Root: rootOf(name)})
		}
		return a.settings.Survey(machines, true)
	}
	for _, arg := range args {
		if !isFile(arg) {
			machines = append(machines, settings.Machine{Name: arg, Root: rootOf(arg)})
		}
	}
	survey := a.settings.Survey(machines, false)
	for _, arg := range args {
		if isFile(arg) {
			survey.File(filepath.Clean(arg))
		}
	}
	return survey
}

// allNames are the machines that have an image or settings.
func (a *app) allNames() []string {
	names := a.settings.Named()
	images, _ := image.List() // without any, there are still settings
	for _, img := range images {
		if checkName(img.Name) == nil {
			names = append(names, img.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
