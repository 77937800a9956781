// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// version is that of the whole project; CHANGELOG.md tells what is in it.
const version = "0.1.0"

func newVersionCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "print the version",
		Long:              "Version prints the version of mctl, which is that of all of machined-go.",
		Example:           "  mctl version",
		Args:              nothing,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.out, "mctl %s (machined-go)\n", version)
			return err
		},
	}
}
