// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"
)

const resumeHelp = `Resume lets machines go on that were stopped by "mctl pause".`

const resumeExamples = `  mctl resume deb

Next: mctl status deb.`

func newResumeCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "resume NAME…",
		Short:             "let paused machines go on",
		GroupID:           groupRun,
		Long:              resumeHelp,
		Example:           resumeExamples,
		Args:              names,
		ValidArgsFunction: a.completeRunning,
		RunE: func(cmd *cobra.Command, args []string) error {
			machines, err := a.client()
			if err != nil {
				return err
			}
			return each(args, func(name string) error { return machines.Resume(cmd.Context(), name) })
		},
	}
}
