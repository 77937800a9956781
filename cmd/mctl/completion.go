// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completionTime bounds how long a press of Tab may take.
const completionTime = time.Second

const completionHelp = `Completion prints a script that teaches a shell to complete mctl's verbs and
flags, and the names of machines and images.`

const completionExamples = `  source <(mctl completion bash)                          this shell
  mctl completion bash >/etc/bash_completion.d/mctl       every bash
  mctl completion zsh  >/usr/local/share/zsh/site-functions/_mctl
  mctl completion fish >~/.config/fish/completions/mctl.fish`

func newCompletionCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:       "completion bash|zsh|fish",
		Short:     "print a completion script for a shell",
		Long:      completionHelp,
		Example:   completionExamples,
		ValidArgs: []string{"bash", "zsh", "fish"},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(cmd.ValidArgs, args[0]) {
				return misuse(cmd, fmt.Errorf("name one shell: bash, zsh or fish"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(a.out, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(a.out)
			}
			return cmd.Root().GenFishCompletion(a.out, true)
		},
	}
}

// complete makes a completer of a source of names; a source that fails has none.
func complete(cmd *cobra.Command, used []string, begun string, source func(context.Context) []string) ([]string, cobra.ShellCompDirective) {
	parent := cmd.Context()
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithTimeout(parent, completionTime)
	defer cancel()
	var list []string
	for _, name := range source(ctx) {
		if strings.HasPrefix(name, begun) && !slices.Contains(used, name) && !hidden(name) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completeRunning(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return complete(cmd, args, begun, a.runningNames)
}

func (a *app) completeImages(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return complete(cmd, args, begun, a.imageNames)
}

// completeStopped completes images of which no machine runs.
func (a *app) completeStopped(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return complete(cmd, args, begun, func(ctx context.Context) []string {
		running := a.runningNames(ctx)
		return slices.DeleteFunc(a.imageNames(ctx), func(name string) bool { return slices.Contains(running, name) })
	})
}

// completeFirst completes a machine as the first argument alone.
func (a *app) completeFirst(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return complete(cmd, args, begun, a.runningNames)
}

func (a *app) runningNames(ctx context.Context) []string {
	machines, err := a.client()
	if err != nil {
		return nil
	}
	rows, err := machines.List(ctx)
	if err != nil {
		return nil
	}
	var list []string
	for _, row := range rows {
		list = append(list, row.Name)
	}
	return list
}

func (a *app) imageNames(ctx context.Context) []string {
	machines, err := a.client()
	if err != nil {
		return nil
	}
	images, err := machines.Images(ctx)
	if err != nil {
		return nil
	}
	var list []string
	for _, image := range images {
		list = append(list, image.Name)
	}
	return list
}

// completeFlag offers fixed values for a flag, which must exist.
func (a *app) completeFlag(cmd *cobra.Command, flag string, values ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err)
	}
}
