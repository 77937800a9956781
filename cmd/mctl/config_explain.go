// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"machined-go/boot/settings"
)

const configExplainHelp = `Explain prints each setting of a machine, its final value, and the file and line
that it comes from. A list to which several files add has a line for each item.`

const configExplainExamples = `  mctl config explain web
  mctl config explain web network.ports bind
  mctl config explain -o json web         with columns, for programs`

func newConfigExplainCmd(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:               "explain NAME [KEY…]",
		Short:             "tell which file says what",
		Long:              configExplainHelp,
		Example:           configExplainExamples,
		Args:              nameAndKeys,
		ValidArgsFunction: a.completeSettings,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(cmd, format); err != nil {
				return err
			}
			return a.explainConfig(args[0], args[1:], format)
		},
	}
	a.output(cmd, &format)
	return cmd
}

func (a *app) explainConfig(name string, keys []string, format string) error {
	set, err := a.loadSettings(name)
	if err != nil {
		return err
	}
	a.tellNotes(set.Notes)
	rows := []settings.Row{}
	for _, row := range set.Rows() {
		if row.Below(keys...) {
			rows = append(rows, row)
		}
	}
	if format == "json" {
		return a.printJSON(rows)
	}
	t := table{head: []string{"KEY", "VALUE", "SOURCE"}}
	for _, row := range rows {
		t.add(cell{row.Name(), plain}, cell{row.Value.String(), plain}, cell{row.Value.From.Short(), dim})
	}
	return t.write(a.out, a.screen, a.colour)
}
