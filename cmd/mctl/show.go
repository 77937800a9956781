// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
	"github.com/spf13/cobra"
)

const showHelp = `Show prints what the machine manager knows of machines, for programs: a line
KEY=VALUE for each property of its bus object, or JSON.`

const showExamples = `  mctl show deb
  mctl show -p Leader --value deb        the PID of its init
  mctl show -o json web db

For people: mctl status NAME.`

type showOptions struct {
	keys   []string
	value  bool
	format string
}

func newShowCmd(a *app) *cobra.Command {
	var o showOptions
	cmd := &cobra.Command{
		Use:               "show NAME…",
		Short:             "print properties of machines, for programs",
		GroupID:           groupLook,
		Long:              showHelp,
		Example:           showExamples,
		Args:              names,
		ValidArgsFunction: a.completeRunning,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.format != "text" && o.format != "json" {
				return misuse(cmd, fmt.Errorf("--output=%s: it is one of text, json", o.format))
			}
			return a.show(cmd.Context(), args, o)
		},
	}
	cmd.Flags().StringSliceVarP(&o.keys, "property", "p", nil, "only these properties, by name")
	cmd.Flags().BoolVar(&o.value, "value", false, "values alone, without KEY=")
	cmd.Flags().StringVarP(&o.format, "output", "o", "text", "text or json")
	a.completeFlag(cmd, "output", "text", "json")
	return cmd
}

func (a *app) show(ctx context.Context, names []string, o showOptions) error {
	machines, err := a.client()
	if err != nil {
		return err
	}
	var objects []map[string]any
	for i, name := range names {
		all, err := machines.Properties(ctx, name)
		if err != nil {
			return err
		}
		values := chosen(all, o.keys)
		if o.format == "json" {
			objects = append(objects, values)
			continue
		}
		if i > 0 {
			fmt.Fprintln(a.out)
		}
		fmt.Fprint(a.out, propertyText(values, o))
	}
	if o.format == "json" {
		return a.printJSON(objects)
	}
	return nil
}

// chosen gives the wanted properties, all of them if none is named.
func chosen(all map[string]dbus.Variant, keys []string) map[string]any {
	values := map[string]any{}
	for key, value := range all {
		if len(keys) == 0 || slices.Contains(keys, key) {
			values[key] = plainValue(value.Value())
		}
	}
	return values
}

// plainValue writes a machine id as systemd does, in hex.
func plainValue(value any) any {
	if id, ok := value.([]byte); ok {
		return hex.EncodeToString(id)
	}
	return value
}

// propertyText writes KEY=VALUE lines, by key, or as the user named them.
func propertyText(values map[string]any, o showOptions) string {
	keys := o.keys
	if len(keys) == 0 {
		for key := range values {
			keys = append(keys, key)
		}
		slices.Sort(keys)
	}
	var text strings.Builder
	for _, key := range keys {
		value, ok := values[key]
		if !ok {
			continue
		}
		if !o.value {
			text.WriteString(key + "=")
		}
		text.WriteString(strings.Trim(fmt.Sprint(value), "[]") + "\n")
	}
	return text.String()
}
