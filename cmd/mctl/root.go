// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

const rootHelp = `mctl starts, stops, shows and enters machines: whole operating systems that
run beside this one, each booted from an image in /var/lib/machines.

A machine NAME is the systemd unit contain@NAME.service, so systemctl and
journalctl work on it as on any service, and machinectl lists it.`

const rootExamples = `  mctl list --all          what there is, running or not
  mctl start deb           boot the image "deb"
  mctl status deb          how it does, with its last log lines
  mctl login deb           a login prompt in it; Ctrl-] three times leaves
  mctl shell deb           a root shell in it, no password
  mctl poweroff deb        shut it down and wait until it is down
  mctl enable deb          boot it with the host from now on`

// Groups of verbs in the help.
const (
	groupRun   = "run"
	groupLook  = "look"
	groupEnter = "enter"
	groupHost  = "host"
)

// newRootCmd builds the command with some of its verbs.
func newRootCmd(a *app, commands []command) *cobra.Command {
	root := &cobra.Command{
		Use:           "mctl",
		Short:         "start, stop, show and enter machines",
		Long:          rootHelp,
		Example:       rootExamples,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownVerb,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetUsageTemplate(usageTemplate)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return misuse(cmd, err) })
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Start and end machines:"},
		&cobra.Group{ID: groupLook, Title: "See how they do:"},
		&cobra.Group{ID: groupEnter, Title: "Go inside:"},
		&cobra.Group{ID: groupHost, Title: "Boot them with the host:"},
	)
	for _, verb := range commands {
		cmd := verb.make(a)
		cmd.DisableFlagsInUseLine = true
		root.AddCommand(cmd)
	}
	return root
}

// main runs the command and gives its exit status.
func (a *app) main(args []string) int {
	root := newRootCmd(a, wanted(args))
	root.SetArgs(args)
	err := root.ExecuteContext(context.Background())
	return a.report(err)
}

func unknownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("there is no verb %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf(" (did you mean `%s %s`?)", cmd.CommandPath(), near[0])
	}
	return misuse(cmd, fmt.Errorf("%s", text))
}

// names are the arguments of a verb that takes one machine or more.
func names(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return misuse(cmd, fmt.Errorf("name at least one machine"))
	}
	return optionalNames(cmd, args)
}

// oneName is the argument of a verb that takes one machine.
func oneName(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return misuse(cmd, fmt.Errorf("name one machine"))
	}
	return optionalNames(cmd, args)
}

func optionalNames(cmd *cobra.Command, args []string) error {
	for _, name := range args {
		if err := checkName(name); err != nil {
			return misuse(cmd, err)
		}
	}
	return nil
}

// nothing is for verbs without arguments.
func nothing(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return misuse(cmd, fmt.Errorf("%q is one argument too many", args[0]))
	}
	return nil
}
