// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"machined-go/boot/settings"
)

const configSetHelp = `Set gives one setting of a machine another value, in the drop-in
/etc/machined-go/machines/NAME.toml.d/50-mctl-set.toml. A list is replaced as a
whole by all values that are given. Tables are written as in TOML. What would be
a mistake is not written.

If the machine runs and the setting can be changed in a running machine, it is
(all of resources but the slice); otherwise it takes effect at the next start.
With --runtime the change is forgotten when the host starts the next time.`

const configSetExamples = `  mctl config set web hostname www
  mctl config set web resources.memory 2G
  mctl config set web network.ports tcp:80 tcp:443
  mctl config set web environment.LANG C.UTF-8
  mctl config set web bind '{ source = "/srv" }'

Undo: mctl config unset web KEY.`

func newConfigSetCmd(a *app) *cobra.Command {
	var passing bool
	cmd := &cobra.Command{
		Use:               "set [--runtime] NAME KEY VALUE…",
		Short:             "change a setting of a machine",
		Long:              configSetHelp,
		Example:           configSetExamples,
		Args:              nameKeyValues,
		ValidArgsFunction: a.completeSettings,
		RunE: func(cmd *cobra.Command, args []string) error {
			change, err := settings.ParseChange(args[1], args[2:])
			if err != nil {
				return misuse(cmd, err)
			}
			return a.changeConfig(cmd.Context(), args[0], passing, change)
		},
	}
	cmd.Flags().BoolVar(&passing, "runtime", false, "until the next start of the host")
	return cmd
}

func nameKeyValues(cmd *cobra.Command, args []string) error {
	if len(args) < 3 {
		return misuse(cmd, fmt.Errorf("name one machine, one setting and its value"))
	}
	return nameAndKeys(cmd, args[:2])
}

const configUnsetHelp = `Unset makes settings of a machine as if nothing had been said of them: what
"mctl config set" wrote goes, and what other files say is reset.`

const configUnsetExamples = `  mctl config unset web resources.memory
  mctl config unset web environment.LANG bind`

func newConfigUnsetCmd(a *app) *cobra.Command {
	var passing bool
	cmd := &cobra.Command{
		Use:               "unset [--runtime] NAME KEY…",
		Short:             "give settings of a machine their defaults",
		Long:              configUnsetHelp,
		Example:           configUnsetExamples,
		Args:              nameAndSomeKeys,
		ValidArgsFunction: a.completeSettings,
		RunE: func(cmd *cobra.Command, args []string) error {
			var changes []settings.Change
			for _, key := range args[1:] {
				path, err := settings.ParseKey(key)
				if err != nil {
					return misuse(cmd, err)
				}
				changes = append(changes, settings.Change{Key: path})
			}
			return a.changeConfig(cmd.Context(), args[0], passing, changes...)
		},
	}
	cmd.Flags().BoolVar(&passing, "runtime", false, "until the next start of the host")
	return cmd
}

func nameAndSomeKeys(cmd *cobra.Command, args []string) error {
	if len(args) < 2 {
		return misuse(cmd, fmt.Errorf("name one machine, and one setting or more"))
	}
	return nameAndKeys(cmd, args)
}

// changeConfig writes changes into the machine's drop-in and tells when they take effect. Those that pass are gone when the host has started
// again.
func (a *app) changeConfig(ctx context.Context, name string, passing bool, changes ...settings.Change) error {
	search := a.settings
	if passing {
		search = search.Passing()
	}
	draft, err := search.Draft(name, rootOf(name), changes)
	if err != nil {
		return fmt.Errorf("change settings of %q: %w", name, err)
	}
	defer draft.Close()
	if err := changeDisk(name, draft, passing); err != nil {
		return fmt.Errorf("change settings of %q: %w", name, err)
	}
	if err := draft.Save(); err != nil {
		return err
	}
	if !passing {
		if err := a.settings.Forget(name, draft, changes); err != nil {
			return err
		}
	}
	for _, row := range draft.Overrule {
		fmt.Fprintf(a.err, "mctl: %s still has %s = %s, which wins over %s: change it there, or use `mctl config edit %s`\n",
			row.Value.From.Short(), row.Name(), row.Value, draft.Path, name)
	}
	return a.makeLive(ctx, name, draft, changes)
}
