// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"machined-go/boot/settings"
)

const configDiffHelp = `Diff prints the settings of a machine that are not as by default. If the machine
runs, RUNNING is what it was started with; what differs there takes effect at
its next start.`

const configDiffExamples = `  mctl config diff web
  mctl config diff --changed web          only what has changed since it started
  mctl config diff -o json web            for programs`

func newConfigDiffCmd(a *app) *cobra.Command {
	var format string
	var changed bool
	cmd := &cobra.Command{
		Use:               "diff NAME",
		Short:             "tell what is not as by default, or has changed since the start",
		Long:              configDiffHelp,
		Example:           configDiffExamples,
		Args:              oneName,
		ValidArgsFunction: a.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkOutput(cmd, format); err != nil {
				return err
			}
			return a.diffConfig(cmd.Context(), args[0], changed, format)
		},
	}
	a.output(cmd, &format)
	cmd.Flags().BoolVar(&changed, "changed", false, "only what has changed since the machine started")
	return cmd
}

// difference is a settings.Difference for programs.
type difference struct {
	Key     string          `json:"key"`
	Default string          `json:"default,omitempty"`
	Setting *settings.Value `json:"setting"`
	Running *settings.Value `json:"running"`
	Changed bool            `json:"changed"`
}

func (a *app) diffConfig(ctx context.Context, name string, changed bool, format string) error {
	set, err := a.loadSettings(name)
	if err != nil {
		return err
	}
	a.tellNotes(set.Notes)
	started, runs := a.startedWith(ctx, name)
	if !runs {
		started = set // nothing is to be told of it
	}
	list := []difference{}
	for _, d := range settings.Compare(started, set) {
		if changed && d.Same() {
			continue
		}
		row := difference{Key: d.Name(), Default: d.Default, Setting: d.Then, Changed: !d.Same()}
		if runs {
			row.Running = d.Now
		}
		list = append(list, row)
	}
	if format == "json" {
		return a.printJSON(list)
	}
	return a.diffTable(list, runs)
}

func (a *app) diffTable(list []difference, runs bool) error {
	t := table{head: []string{"KEY", "DEFAULT", "SETTING"}}
	if runs {
		t.head = append(t.head, "RUNNING")
	}
	for _, d := range list {
		cells := []cell{{d.Key, plain}, {d.Default, dim}, {valueText(d.Setting), plain}}
		if runs {
			colour := plain
			if d.Changed {
				colour = yellow
			}
			cells = append(cells, cell{valueText(d.Running), colour})
		}
		t.add(cells...)
	}
	return t.write(a.out, true, a.colour)
}

func valueText(v *settings.Value) string {
	if v == nil {
		return "-"
	}
	return v.String()
}

// noteTime bounds how far the time at which a machine's settings were noted and that of its start are apart.
const noteTime = 30 * time.Second

// startedWith gives the settings that a running machine was started with, if that is known.
func (a *app) startedWith(ctx context.Context, name string) (*settings.Settings, bool) {
	machines, err := a.client()
	if err != nil {
		return nil, false
	}
	m, err := machines.Machine(ctx, name)
	if err != nil || m.Service != ourService {
		return nil, false
	}
	started, err := a.settings.ReadStarted(name)
	if err != nil {
		return nil, false
	}
	apart := m.Since.Sub(started.Time).Abs()
	return started.Settings, started.Time.IsZero() || apart < noteTime
}
