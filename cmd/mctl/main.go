// SPDX-License-Identifier: Apache-2.0

// Command mctl starts, stops, shows and enters machines.
//
// It runs briefly and often, so the run-time is spared reading the limits of its cgroup at every start.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func main() {
	if filepath.Base(os.Args[0]) == generatorName {
		os.Exit(generate(os.Args[1:]))
	}
	os.Exit(newApp(os.Stdin, os.Stdout, os.Stderr).main(os.Args[1:]))
}

// verbs are all commands, in the order in which help names them.
func verbs() []func(*app) *cobra.Command {
	return []func(*app) *cobra.Command{
		newStartCmd,
		newPoweroffCmd,
		newRebootCmd,
		newTerminateCmd,
		newKillCmd,
		newPauseCmd,
		newResumeCmd,
		newSetCmd,
		newListCmd,
		newStatusCmd,
		newWhyCmd,
		newHealthCmd,
		newShowCmd,
		newLoginCmd,
		newShellCmd,
		newRunCmd,
		newStarterCmd,
		newEnableCmd,
		newDisableCmd,
		newConfigCmd,
		newGenerateCmd,
		newVersionCmd,
		newCompletionCmd,
		newManCmd,
	}
}
