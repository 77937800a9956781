// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"
)

const pauseHelp = `Pause stops all processes of machines until "mctl resume", in the midst of what
they do: they use no processor, and answer nobody. Their memory, files and
network connections stay; to the system inside it is as if no time had passed.

A paused machine that is told to power off, reboot or terminate is resumed.`

const pauseExamples = `  mctl pause deb
  mctl list                    its state is "paused"

Next: mctl resume deb.`

func newPauseCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "pause NAME…",
		Short:             "stop machines in the midst of what they do",
		GroupID:           groupRun,
		Long:              pauseHelp,
		Example:           pauseExamples,
		Args:              names,
		ValidArgsFunction: a.completeRunning,
		RunE: func(cmd *cobra.Command, args []string) error {
			machines, err := a.client()
			if err != nil {
				return err
			}
			return each(args, func(name string) error { return machines.Pause(cmd.Context(), name) })
		},
	}
}
