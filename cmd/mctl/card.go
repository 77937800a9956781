// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"machined-go/machine/client/cgroup"
)

// card is what status shows of one machine: a title, and lines with a label.
type card struct {
	name   string
	colour colour
	labels []string
	values [][]string
}

func (c *card) title(name string, hue colour) { c.name, c.colour = name, hue }

// line adds a label with one value or more, one below the other; none if all
// are empty.
func (c *card) line(label string, values ...string) {
	if strings.Join(values, "") == "" {
		return
	}
	c.labels = append(c.labels, label)
	c.values = append(c.values, values)
}

func (c *card) text(colours bool) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s\n", c.colour.paint("●", colours), bold.paint(c.name, colours))
	const width = 12
	for i, label := range c.labels {
		for j, value := range c.values[i] {
			head := label + ":"
			if j > 0 {
				head = ""
			}
			fmt.Fprintf(&out, "%*s %s\n", width, head, value)
		}
	}
	return out.String()
}

// The most that a card shows of the processes, each cut to a line.
const (
	cardProcesses = 16
	cardWidth     = 72
)

// resources adds what the machine's unit uses, as far as the kernel counts it.
func (a *app) resources(ctx context.Context, c *card, service units, unit string) {
	state, err := service.Unit(ctx, unit)
	if err != nil || state.ControlGroup == "" {
		return
	}
	mount, err := a.groups()
	if err != nil {
		return
	}
	if use, err := cgroup.Use(mount, state.ControlGroup); err == nil {
		if use.Memory != cgroup.Unknown {
			c.line("Memory", size(use.Memory))
		}
		if use.Tasks != cgroup.Unknown {
			c.line("Tasks", fmt.Sprint(use.Tasks))
		}
	}
	if group, err := cgroup.Read(mount, state.ControlGroup); err == nil {
		c.line("CGroup", append([]string{state.ControlGroup}, tree(group, cardProcesses)...)...)
	}
}

// groups is where the cgroup v2 hierarchy is mounted.
func (a *app) groups() (string, error) {
	if a.cgroups != "" {
		return a.cgroups, nil
	}
	return cgroup.Mount()
}

// tree draws the processes below a group, at most so many lines of them.
func tree(group *cgroup.Group, most int) []string {
	var lines []string
	drawGroup(group, "", &lines)
	if len(lines) > most {
		lines = append(lines[:most-1], fmt.Sprintf("… %d processes in all", group.Count()))
	}
	return lines
}

func drawGroup(group *cgroup.Group, indent string, lines *[]string) {
	var below []*cgroup.Group
	for _, g := range group.Groups {
		if g.Count() > 0 {
			below = append(below, g)
		}
	}
	for i, p := range group.Processes {
		branch := "├─"
		if i == len(group.Processes)-1 && len(below) == 0 {
			branch = "└─"
		}
		*lines = append(*lines, cut(fmt.Sprintf("%s%s%d %s", indent, branch, p.PID, p.Command), cardWidth))
	}
	for i, g := range below {
		branch, next := "├─", "│ "
		if i == len(below)-1 {
			branch, next = "└─", "  "
		}
		*lines = append(*lines, indent+branch+g.Name)
		drawGroup(g, indent+next, lines)
	}
}

func cut(text string, width int) string {
	letters := []rune(text)
	if len(letters) <= width {
		return text
	}
	return string(letters[:width-1]) + "…"
}

// size writes bytes as systemd does: with one decimal and a binary unit.
func size(bytes int64) string {
	units := []string{"B", "K", "M", "G", "T"}
	value, i := float64(bytes), 0
	for value >= 1024 && i < len(units)-1 {
		value /= 1024
		i++
	}
	if i == 0 {
		return fmt.Sprintf("%dB", bytes)
	}
	return fmt.Sprintf("%.1f%s", value, units[i])
}
