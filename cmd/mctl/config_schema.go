// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"machined-go/boot/settings"
)

const configSchemaHelp = `Schema prints a JSON schema of settings files, by which editors check and complete
them: for example with "#:schema FILE" as a file's first line, for taplo and what
is built on it.`

const configSchemaExamples = `  mctl config schema >machine.toml.schema.json`

func newConfigSchemaCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "schema",
		Short:             "print a JSON schema of settings files",
		Long:              configSchemaHelp,
		Example:           configSchemaExamples,
		Args:              nothing,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			text, err := settings.JSONSchema(settings.Documented())
			if err != nil {
				return err
			}
			_, err = a.out.Write(text)
			return err
		},
	}
}
