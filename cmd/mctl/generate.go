// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"
)

const generateHelp = `Generate writes what a machine is in the form of other tools.`

const generateExamples = `  mctl generate oci web    a bundle for runc, crun and their like, in ./web`

func newGenerateCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "generate",
		Short:   "write a machine in the form of other tools",
		GroupID: groupHost,
		Long:    generateHelp,
		Example: generateExamples,
		Args:    unknownVerb,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	sub := newGenerateOCICmd(a)
	sub.DisableFlagsInUseLine = true
	cmd.AddCommand(sub)
	return cmd
}
