// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"machined-go/boot"
	"machined-go/boot/settings"
)

const configMigrateHelp = `Migrate prints as TOML what the .nspawn settings of a machine mean here. They are
read as they are, so nothing has to be migrated; but a TOML file can say more.

With --write it becomes the machine's own file, which then counts instead.`

const configMigrateExamples = `  mctl config migrate web
  mctl config migrate --write web         to /etc/machined-go/machines/web.toml`

func newConfigMigrateCmd(a *app) *cobra.Command {
	var write bool
	cmd := &cobra.Command{
		Use:               "migrate NAME",
		Short:             "print what .nspawn settings mean, as TOML",
		Long:              configMigrateHelp,
		Example:           configMigrateExamples,
		Args:              oneName,
		ValidArgsFunction: a.completeImages,
		RunE: func(_ *cobra.Command, args []string) error {
			return a.migrateConfig(args[0], write)
		},
	}
	cmd.Flags().BoolVar(&write, "write", false, "write it to the machine's own file")
	return cmd
}

func (a *app) migrateConfig(name string, write bool) error {
	set, path, err := a.settings.Migrate(name, rootOf(name))
	if err != nil {
		return err
	}
	a.tellNotes(set.Notes)
	spec := boot.Spec{Name: name, Root: rootOf(name)}
	if err := set.Complete(&spec); err != nil {
		return err
	}
	text := fmt.Sprintf("# From %s.\n%s", filepath.Clean(set.Files[0].Path), set.TOML())
	if !write {
		_, err = fmt.Fprint(a.out, text)
		return err
	}
	return settings.WriteFile(path, text)
}
