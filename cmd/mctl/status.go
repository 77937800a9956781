// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"machined-go/machine/client"
	"machined-go/machine/systemd1"
)

// exitNotRunning is what systemctl status answers for a unit that is down.
const exitNotRunning = 3

const statusHelp = `Status shows how machines do: since when they run, what they are, what they use,
their processes, and their last log lines. Exit status 3 if one does not run.`

const statusExamples = `  mctl status deb
  mctl status --lines=50 web db

The machine's own log: journalctl -M deb. For programs: mctl show deb.`

func newStatusCmd(a *app) *cobra.Command {
	var lines uint
	cmd := &cobra.Command{
		Use:               "status NAME…",
		Short:             "show how machines do",
		GroupID:           groupLook,
		Long:              statusHelp,
		Example:           statusExamples,
		Args:              names,
		ValidArgsFunction: a.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			machines, service, err := a.connect(cmd.Context())
			if err != nil {
				return err
			}
			allRun := true
			for i, name := range args {
				if i > 0 {
					fmt.Fprintln(a.out)
				}
				runs, err := a.status(cmd.Context(), machines, service, name, lines)
				if err != nil {
					return err
				}
				allRun = allRun && runs
			}
			if !allRun {
				return exitStatus(exitNotRunning)
			}
			return nil
		},
	}
	cmd.Flags().UintVarP(&lines, "lines", "n", 10, "how many log lines to show")
	return cmd
}

// status prints one machine and says whether it runs.
func (a *app) status(ctx context.Context, machines *client.Client, service units, name string, lines uint) (bool, error) {
	row, err := a.readMachine(ctx, machines, name)
	if err != nil {
		return false, err
	}
	starter, err := service.Unit(ctx, unitOf(name))
	if err != nil {
		return false, err
	}
	var c card
	if row != nil {
		a.runningCard(ctx, &c, row, machines, service, starter)
	} else if err := a.idleCard(ctx, &c, name, machines, starter); err != nil {
		return false, err
	}
	fmt.Fprint(a.out, c.text(a.colour))
	if log := a.lastLines(ctx, row, name, lines); log != "" {
		fmt.Fprintf(a.out, "\n%s\n", log)
	}
	return row != nil, nil
}

func (a *app) runningCard(ctx context.Context, c *card, row *machineRow, machines *client.Client, service units, starter systemd1.Unit) {
	c.title(row.Name, row.colour())
	state := row.State
	if row.Since != nil {
		state += fmt.Sprintf(" since %s; %s", row.Since.Format("Mon 2006-01-02 15:04:05 MST"), row.uptime(a.now()))
	}
	c.line("State", state)
	if row.State == statePaused {
		c.line("Next", "mctl resume "+row.Name)
	}
	c.line("Leader", fmt.Sprint(row.Leader))
	c.line("Unit", row.Unit)
	if starter.Active() {
		c.line("Started by", starterLine(starter, unitOf(row.Name)))
	}
	if row.Service != "" {
		c.line("Registered", "as "+row.Class+" by "+row.Service)
	}
	c.line("Root", row.Root)
	if release, err := machines.OSRelease(ctx, row.Name); err == nil {
		c.line("OS", release["PRETTY_NAME"])
	}
	if row.Privileged {
		c.line("UIDs", "the host's: its root is root here (privileged)")
	} else {
		c.line("UIDs", row.uids())
	}
	c.line("Health", healthLine(row.Name, a.now()))
	a.network(c, row)
	c.line("Addresses", row.Addresses...)
	c.line("Machine ID", row.ID)
	a.resources(ctx, c, service, row.Unit)
}

func starterLine(u systemd1.Unit, name string) string {
	text := fmt.Sprintf("%s (%s)", name, u.ActiveState)
	if u.NRestarts > 0 {
		text += fmt.Sprintf(", rebooted %d times", u.NRestarts)
	}
	return text
}

// idleCard is for an image of which no machine runs.
func (a *app) idleCard(ctx context.Context, c *card, name string, machines *client.Client, starter systemd1.Unit) error {
	image, err := machines.Image(ctx, name)
	if err != nil {
		return err
	}
	state := stateStopped
	hue := dim
	if starter.Active() {
		state, hue = starter.ActiveState, yellow
	}
	if starter.ActiveState == "failed" {
		state, hue = fmt.Sprintf("%s (%s)", stateFailed, starter.Result), red
	}
	c.title(name, hue)
	c.line("State", state)
	if starter.ActiveState == "failed" {
		c.line("Cause", starter.StatusText)
	}
	c.line("Image", fmt.Sprintf("%s, a %s", image.Path, image.Type))
	c.line("Unit", unitOf(name))
	if state == stateStopped {
		c.line("Next", "mctl start "+name)
	}
	return nil
}

// lastLines gives the log of the units that have to do with a machine.
func (a *app) lastLines(ctx context.Context, row *machineRow, name string, lines uint) string {
	if lines == 0 {
		return ""
	}
	args := []string{fmt.Sprintf("--lines=%d", lines), "--output=short", "--unit=" + unitOf(name)}
	if row != nil && row.Unit != "" {
		args = append(args, "--unit="+row.Unit)
	}
	text, err := a.journal(ctx, args...)
	if err != nil {
		return ""
	}
	return strings.TrimRight(string(text), "\n")
}
