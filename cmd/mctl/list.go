// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"machined-go/machine/client"
)

const listHelp = `List shows the machines that run, and with --all also the images that could.

STATE is running, paused, starting, stopping, stopped or failed. A machine whose
root user is the host's root is marked "privileged".`

const listExamples = `  mctl list                    what runs
  mctl list --all              and what could: images not in use are "stopped"
  mctl list -o wide            with unit, leader, user ids and all addresses
  mctl list -o json            for programs
  mctl list -o name            names alone, for loops

Next: mctl status NAME, mctl start NAME.`

type listOptions struct {
	all      bool
	noLegend bool
	format   string
}

func newListCmd(a *app) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:               "list",
		Aliases:           []string{"ls"},
		Short:             "show what runs, and what could",
		GroupID:           groupLook,
		Long:              listHelp,
		Example:           listExamples,
		Args:              nothing,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(listFormats(), o.format) {
				return misuse(cmd, fmt.Errorf("--output=%s: it is one of %s", o.format, strings.Join(listFormats(), ", ")))
			}
			rows, err := a.rows(cmd.Context(), o.all)
			if err != nil {
				return err
			}
			return a.printRows(rows, o)
		},
	}
	cmd.Flags().BoolVarP(&o.all, "all", "a", false, "also images that do not run")
	cmd.Flags().BoolVar(&o.noLegend, "no-legend", false, "no head and no foot")
	cmd.Flags().StringVarP(&o.format, "output", "o", "table", "table, wide, json or name")
	a.completeFlag(cmd, "output", listFormats()...)
	return cmd
}

func listFormats() []string { return []string{"table", "wide", "json", "name"} }

// rows gathers what there is, by name.
func (a *app) rows(ctx context.Context, all bool) ([]*machineRow, error) {
	machines, err := a.client()
	if err != nil {
		return nil, err
	}
	listed, err := machines.List(ctx)
	if err != nil {
		return nil, err
	}
	var running []string
	for _, one := range listed {
		if !hidden(one.Name) {
			running = append(running, one.Name)
		}
	}
	slices.Sort(running)
	rows := make([]*machineRow, len(running))
	err = each(running, func(name string) error {
		row, err := a.readMachine(ctx, machines, name)
		rows[slices.Index(running, name)] = row
		return err
	})
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(r *machineRow) bool { return r == nil })
	if !all {
		return rows, nil
	}
	rest, err := a.idleImages(ctx, machines, running)
	if err != nil {
		return nil, err
	}
	rows = append(rows, rest...)
	slices.SortStableFunc(rows, func(x, y *machineRow) int { return strings.Compare(x.Name, y.Name) })
	return rows, nil
}

// idleImages gives the images of which no machine runs, with what systemd knows
// of the unit that would start them.
func (a *app) idleImages(ctx context.Context, machines *client.Client, running []string) ([]*machineRow, error) {
	images, err := machines.Images(ctx)
	if err != nil {
		return nil, err
	}
	service, err := a.units(ctx)
	if err != nil {
		return nil, err
	}
	var rows []*machineRow
	for _, image := range images {
		if hidden(image.Name) || slices.Contains(running, image.Name) {
			continue
		}
		state, err := idleState(ctx, service, image.Name)
		if err != nil {
			return nil, err
		}
		rows = append(rows, &machineRow{Name: image.Name, State: state, ImageType: image.Type, Addresses: []string{}})
	}
	return rows, nil
}

func idleState(ctx context.Context, service units, name string) (string, error) {
	unit, err := service.Unit(ctx, unitOf(name))
	switch unit.ActiveState {
	case "activating", "active", "reloading":
		return stateStarting, err
	case "deactivating":
		return stateStopping, err
	case "failed":
		return stateFailed, err
	}
	return stateStopped, err
}

func (a *app) printRows(rows []*machineRow, o listOptions) error {
	switch o.format {
	case "json":
		return a.printJSON(slices.Concat([]*machineRow{}, rows))
	case "name":
		for _, row := range rows {
			fmt.Fprintln(a.out, row.Name)
		}
		return nil
	}
	if len(rows) == 0 && !o.noLegend {
		fmt.Fprintln(a.out, nothingListed(o.all))
		return nil
	}
	if err := a.tableOf(rows, o.format == "wide").write(a.out, !o.noLegend, a.colour); err != nil || o.noLegend {
		return err
	}
	_, err := fmt.Fprintf(a.out, "\n%d listed.\n", len(rows))
	return err
}

func nothingListed(all bool) string {
	if all {
		return "No machines and no images. Put an operating system tree into /var/lib/machines/NAME, then `mctl start NAME`."
	}
	return "No machines run. `mctl list --all` shows what could."
}

func (a *app) tableOf(rows []*machineRow, wide bool) *table {
	t := &table{head: []string{"NAME", "CLASS", "STATE", "OS", "VERSION", "UPTIME", "ADDRESSES"}}
	if wide {
		t.head = []string{"NAME", "CLASS", "STATE", "OS", "VERSION", "UPTIME", "LEADER", "UIDS", "UNIT", "SERVICE", "ADDRESSES"}
	}
	for _, r := range rows {
		line := []cell{{r.Name, plain}, r.class(), {r.State, r.colour()}, {r.OS, plain}, {r.Version, plain}, {r.uptime(a.now()), plain}}
		if wide {
			leader := ""
			if r.Leader != 0 {
				leader = fmt.Sprint(r.Leader)
			}
			line = append(line, cell{leader, plain}, cell{r.uids(), plain}, cell{r.Unit, plain}, cell{r.Service, plain},
				cell{strings.Join(r.Addresses, " "), plain})
		} else {
			line = append(line, cell{r.firstAddress(), plain})
		}
		for i := range line {
			if line[i].text == "" {
				line[i].text = "-"
			}
		}
		t.add(line...)
	}
	return t
}

func (a *app) printJSON(value any) error {
	encoder := json.NewEncoder(a.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
