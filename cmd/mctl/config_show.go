// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

const configShowHelp = `Show prints what all settings files of a machine say together, as one file
would: with profiles included, lists merged and specifiers replaced.`

const configShowExamples = `  mctl config show web
  mctl config show web >web.toml`

func newConfigShowCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             "print all settings of a machine as one file",
		Long:              configShowHelp,
		Example:           configShowExamples,
		Args:              oneName,
		ValidArgsFunction: a.completeImages,
		RunE: func(_ *cobra.Command, args []string) error {
			set, err := a.loadSettings(args[0])
			if err != nil {
				return err
			}
			a.tellNotes(set.Notes)
			if len(set.Files) == 0 {
				fmt.Fprintf(a.out, "# There are no settings for %s.\n", args[0])
			}
			for _, f := range set.Files {
				fmt.Fprintf(a.out, "# %s\n", f.Path)
			}
			_, err = fmt.Fprint(a.out, set.TOML())
			return err
		},
	}
}
