// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"machined-go/boot"
	"machined-go/boot/settings"
	"machined-go/boot/settings/schema"
)

const setHelp = `Set changes what a machine may use: at once if it runs, and in its settings, so
that it stays so (see "mctl config set"). With --runtime it is forgotten when
the host starts the next time.

KEY is a setting of the section [resources] of machine.toml(5), such as memory,
cpu, tasks or io_write; a property of units, such as MemoryMax
(systemd.resource-control(5)); or any other setting by its full name. No VALUE
gives the setting its default. What only a start can change takes effect then,
which is said.`

const setExamples = `  mctl set web memory=2G cpu=150% tasks=500
  mctl set web io_write=/dev/vda=10M   10 MiB a second to this disk
  mctl set web cpus=0-1 cpu_weight=50
  mctl set --runtime web memory=       no limit until the host's next start
  mctl set web MemoryHigh=75%

Next: systemctl show machine-web.scope -p MemoryMax, mctl config explain web.`

func newSetCmd(a *app) *cobra.Command {
	var passing bool
	cmd := &cobra.Command{
		Use:     "set [--runtime] NAME KEY=VALUE…",
		Short:   "change what a machine may use, at once",
		GroupID: groupRun,
		Long:    setHelp,
		Example: setExamples,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return misuse(cmd, fmt.Errorf("name one machine, and at least one KEY=VALUE"))
			}
			return optionalNames(cmd, args[:1])
		},
		ValidArgsFunction: a.completeSet,
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := parseAssignments(args[1:])
			if err != nil {
				return misuse(cmd, err)
			}
			return a.changeConfig(cmd.Context(), args[0], passing, changes...)
		},
	}
	cmd.Flags().BoolVar(&passing, "runtime", false, "until the next start of the host")
	return cmd
}

// parseAssignments reads changes from words KEY=VALUE. A list is what all words of its key say together.
func parseAssignments(words []string) (changes []settings.Change, err error) {
	values := map[string][]string{}
	var keys []string
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("%q is not KEY=VALUE", word)
		}
		key, value = assignment(key, value)
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
		if value != "" {
			values[key] = append(values[key], value)
		}
	}
	for _, key := range keys {
		c, err := parseAssignment(key, values[key])
		if err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// parseAssignment reads one change; no words give the setting its default.
func parseAssignment(key string, words []string) (c settings.Change, err error) {
	if len(words) > 0 {
		return settings.ParseChange(key, words)
	}
	if err = settings.CheckKey(key); err == nil {
		c.Key, err = settings.ParseKey(key)
	}
	return c, err
}

// assignment finds the setting that a key means. Of a table, such as io_write, value may be an entry: KEY=DEVICE=RATE.
func assignment(key, value string) (setting, rest string) {
	key = settingNamed(key)
	path, err := settings.ParseKey(key)
	if err != nil {
		return key, value
	}
	f, ok := settings.Schema().Find(path)
	entry, amount, isEntry := strings.Cut(value, "=")
	if ok && isEntry && f.Type.Kind == schema.Map && !strings.HasPrefix(value, "{") {
		return key + "." + strconv.Quote(entry), amount
	}
	return key, value
}

// resources is the section of the settings that need not be named.
const resources = "resources."

// settingNamed gives the full name of a setting; of one that is none it gives what was said.
func settingNamed(key string) string {
	if settings.CheckKey(key) == nil {
		return key
	}
	if own := resources + strings.ReplaceAll(key, "-", "_"); settings.CheckKey(own) == nil {
		return own
	}
	if boot.IsProperty(key) {
		return resources + "properties." + key
	}
	return key
}

// completeSet completes a machine, then settings of resources.
func (a *app) completeSet(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeImages(cmd, args, begun)
	}
	var list []string
	for _, key := range settings.Schema().Keys() {
		if short, ok := strings.CutPrefix(key, resources); ok && strings.HasPrefix(short, begun) {
			list = append(list, short+"=")
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
