// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"machined-go/machine/client"
)

const resumeHelp = `Resume lets machines go on that were stopped by "mctl pause".`

const resumeExamples = `  mctl resume deb

Next: mctl status deb.`

func newResumeCmd(a *app) *cobra.Command {
	return a.toRunning(&cobra.Command{
		Use: "resume NAME…", Short: "let paused machines go on", Long: resumeHelp, Example: resumeExamples,
	}, (*client.Client).Resume)
}
