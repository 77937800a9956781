// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"machined-go/machine/client"
)

const pauseHelp = `Pause stops all processes of machines until "mctl resume", in the midst of what
they do: they use no processor, and answer nobody. Their memory, files and
network connections stay; to the system inside it is as if no time had passed.

A paused machine that is told to power off, reboot or terminate is resumed.`

const pauseExamples = `  mctl pause deb
  mctl list                    its state is "paused"

Next: mctl resume deb.`

func newPauseCmd(a *app) *cobra.Command {
	return a.toRunning(&cobra.Command{
		Use: "pause NAME…", Short: "stop machines in the midst of what they do", Long: pauseHelp, Example: pauseExamples,
	}, (*client.Client).Pause)
}
