// SPDX-License-Identifier: Apache-2.0

// Command mctl starts, stops, shows and enters machines.
package main

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	_ "machined-go/boot/sys/entry" // where it begins, as the Makefile has it linked
)

func main() {
	if filepath.Base(os.Args[0]) == generatorName {
		os.Exit(generate(os.Args[1:]))
	}
	os.Exit(newApp(os.Stdin, os.Stdout, os.Stderr).main(os.Args[1:]))
}

// command is a verb and what makes it.
type command struct {
	name string
	make func(*app) *cobra.Command
}

// verbs are all commands, in the order in which help names them.
func verbs() []command {
	return []command{
		{"start", newStartCmd},
		{"poweroff", newPoweroffCmd},
		{"reboot", newRebootCmd},
		{"terminate", newTerminateCmd},
		{"kill", newKillCmd},
		{"pause", newPauseCmd},
		{"resume", newResumeCmd},
		{"set", newSetCmd},
		{"list", newListCmd},
		{"status", newStatusCmd},
		{"why", newWhyCmd},
		{"health", newHealthCmd},
		{"show", newShowCmd},
		{"login", newLoginCmd},
		{"shell", newShellCmd},
		{"run", newRunCmd},
		{"starter", newStarterCmd},
		{"enable", newEnableCmd},
		{"disable", newDisableCmd},
		{"config", newConfigCmd},
		{"generate", newGenerateCmd},
		{"version", newVersionCmd},
		{"completion", newCompletionCmd},
		{"man", newManCmd},
	}
}

// wanted is what a command line needs of them: the one that it names, which spares it the making of the others and of their
// flags, or all where it names none or one that tells of all.
func wanted(args []string) []command {
	all := verbs()
	if len(args) == 0 || slices.Contains([]string{"completion", "man"}, args[0]) {
		return all
	}
	for _, v := range all {
		if v.name == args[0] {
			return []command{v}
		}
	}
	return all
}
