// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"machined-go/boot/settings"
)

const configHelp = `Config shows, checks and changes the settings of machines: TOML files in
/etc/machined-go/machines and elsewhere, of which machine.toml(5) tells all.

Most machines need none. What is changed takes effect when the machine starts
the next time, unless it is said otherwise.`

const configExamples = `  mctl config edit web                    write settings, checked before they count
  mctl config set web resources.memory 2G change one
  mctl config check                       find mistakes in all files
  mctl config explain web                 which file says what
  mctl config diff web                    what is not as by default

Next: mctl reboot web, for a running machine to have them.`

func newConfigCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "show, check and change the settings of machines",
		GroupID: groupHost,
		Long:    configHelp,
		Example: configExamples,
		Args:    unknownVerb,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	for _, verb := range []func(*app) *cobra.Command{
		newConfigShowCmd, newConfigExplainCmd, newConfigDiffCmd, newConfigCheckCmd, newConfigEditCmd, newConfigSetCmd, newConfigUnsetCmd,
		newConfigMigrateCmd, newConfigSchemaCmd,
	} {
		sub := verb(a)
		sub.DisableFlagsInUseLine = true
		cmd.AddCommand(sub)
	}
	return cmd
}

// output is the flag of verbs that print a table, or JSON for programs.
func (a *app) output(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVarP(format, "output", "o", "table", "table or json")
	a.completeFlag(cmd, "output", "table", "json")
}

// checkOutput holds it to what there is.
func checkOutput(cmd *cobra.Command, format string) error {
	if format != "table" && format != "json" {
		return misuse(cmd, fmt.Errorf("--output=%s: it is one of table, json", format))
	}
	return nil
}

// nameAndKeys are the arguments of a verb that takes one machine and names of settings.
func nameAndKeys(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return misuse(cmd, fmt.Errorf("name one machine"))
	}
	if err := optionalNames(cmd, args[:1]); err != nil {
		return err
	}
	for _, key := range args[1:] {
		if err := settings.CheckKey(key); err != nil {
			return misuse(cmd, err)
		}
	}
	return nil
}

// completeSettings completes a machine, then names of settings.
func (a *app) completeSettings(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeImages(cmd, args, begun)
	}
	var list []string
	for _, key := range settings.Schema().Keys() {
		if strings.HasPrefix(key, begun) && !slices.Contains(args, key) {
			list = append(list, key)
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}
