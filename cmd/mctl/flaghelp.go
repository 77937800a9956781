// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// groupKey marks a flag with the heading it has in help.
const groupKey = "group"

func inGroup(f *pflag.Flag, heading string) {
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[groupKey] = []string{heading}
}

// flagGroup is some flags under a heading, which is empty if a verb has too few flags for headings.
type flagGroup struct {
	heading string
	flags   []*pflag.Flag
}

// groupsOf gives the flags of a verb that help shows, group by group in the order of their first flags.
func groupsOf(flags *pflag.FlagSet) []flagGroup {
	var groups []flagGroup
	index := map[string]int{}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" && len(groups) > 0 {
			return
		}
		heading := strings.Join(f.Annotations[groupKey], "")
		i, ok := index[heading]
		if !ok {
			i = len(groups)
			index[heading] = i
			groups = append(groups, flagGroup{heading: heading})
		}
		groups[i].flags = append(groups[i].flags, f)
	})
	return groups
}

// Columns of help.
const (
	helpIndent = 2
	helpColumn = 36
	helpWidth  = 100
)

// showGroups makes a verb show its flags in groups.
func showGroups(cmd *cobra.Command) {
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		var out strings.Builder
		out.WriteString("Usage:\n  " + cmd.UseLine() + "\n\nExamples:\n" + cmd.Example + "\n")
		for _, group := range groupsOf(cmd.LocalFlags()) {
			out.WriteString("\n" + group.heading + ":\n")
			for _, f := range group.flags {
				out.WriteString(flagLines(f))
			}
		}
		_, err := cmd.OutOrStdout().Write([]byte(out.String()))
		return err
	})
}

// flagLines is a flag in help: its names, and beside them, or below if they are long, what it does.
func flagLines(f *pflag.Flag) string {
	names, help := flagNames(f)
	left := strings.Repeat(" ", helpIndent) + names
	var lines []string
	if len([]rune(left)) >= helpColumn {
		lines, left = append(lines, left), ""
	}
	for _, text := range wrap(help, helpWidth-helpColumn) {
		pad := helpColumn - len([]rune(left))
		lines, left = append(lines, left+strings.Repeat(" ", pad)+text), ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// flagNames is how a flag is written, and its help without marks in it.
func flagNames(f *pflag.Flag) (names, help string) {
	arg, help := pflag.UnquoteUsage(f)
	switch long := "--" + f.Name; {
	case f.Name == f.Shorthand:
		names = "-" + f.Name
	case f.Shorthand != "":
		names = "-" + f.Shorthand + ", " + long
	default:
		names = "    " + long
	}
	switch {
	case arg == "" || f.Value.Type() == "bool":
	case f.NoOptDefVal != "":
		names += "[=" + arg + "]"
	default:
		names += "=" + arg
	}
	return names, help
}

// wrap breaks a text into lines of at most so many characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
