// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newManCmd writes the manual from what help says. It is for who builds a
// package, so it is hidden.
func newManCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "man FOLDER",
		Short:   "write the manual pages mctl(1), mctl-start(1), …",
		Example: "  mctl man bin/man",
		Hidden:  true,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			return writeManual(cmd.Root(), args[0])
		},
	}
}

func writeManual(cmd *cobra.Command, folder string) error {
	path := filepath.Join(folder, pageName(cmd)+".1")
	if err := os.WriteFile(path, []byte(page(cmd)), 0o644); err != nil {
		return err
	}
	for _, verb := range cmd.Commands() {
		if verb.Hidden || verb.Name() == "help" {
			continue
		}
		if err := writeManual(verb, folder); err != nil {
			return err
		}
	}
	return nil
}

func pageName(cmd *cobra.Command) string {
	return strings.ReplaceAll(cmd.CommandPath(), " ", "-")
}

// page writes one page in man(7).
func page(cmd *cobra.Command) string {
	var out strings.Builder
	fmt.Fprintf(&out, ".TH %s 1 \"\" \"machined-go %s\" \"User commands\"\n", strings.ToUpper(pageName(cmd)), version)
	fmt.Fprintf(&out, ".SH NAME\n%s \\- %s\n", roff(pageName(cmd)), roff(cmd.Short))
	fmt.Fprintf(&out, ".SH SYNOPSIS\n.B %s\n", roff(strings.TrimSpace(synopsis(cmd))))
	fmt.Fprintf(&out, ".SH DESCRIPTION\n%s\n", strings.ReplaceAll(roff(cmd.Long), "\n\n", "\n.PP\n"))
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(&out, ".PP\nAlso: %s\n", roff(strings.Join(cmd.Aliases, ", ")))
	}
	for i, group := range groupsOf(cmd.NonInheritedFlags()) {
		if i == 0 {
			out.WriteString(".SH OPTIONS\n")
		}
		if group.heading != "" {
			out.WriteString(".SS " + roff(group.heading) + "\n")
		}
		for _, f := range group.flags {
			out.WriteString(option(f))
		}
	}
	if cmd.HasAvailableSubCommands() {
		out.WriteString(".SH VERBS\n")
		for _, verb := range cmd.Commands() {
			if !verb.Hidden && verb.Name() != "help" {
				fmt.Fprintf(&out, ".TP\n.B %s\n%s\n", roff(verb.Use), roff(verb.Short))
			}
		}
	}
	fmt.Fprintf(&out, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(cmd.Example))
	out.WriteString(".SH SEE ALSO\n" + seeAlso(cmd) + "\n")
	return out.String()
}

func synopsis(cmd *cobra.Command) string {
	if cmd.HasAvailableSubCommands() {
		return cmd.CommandPath() + " VERB [OPTION…] [ARGUMENT…]"
	}
	return cmd.UseLine()
}

func option(f *pflag.Flag) string {
	if f.Name == "help" {
		return ""
	}
	names, text := flagNames(f)
	if f.Value.Type() != "bool" && f.DefValue != "" && f.DefValue != "[]" {
		text += fmt.Sprintf(" (%s)", f.DefValue)
	}
	return fmt.Sprintf(".TP\n.B %s\n%s\n", roff(strings.TrimSpace(names)), roff(text))
}

func seeAlso(cmd *cobra.Command) string {
	if cmd.HasParent() {
		return ".BR mctl (1),\n.BR machinectl (1),\n.BR journalctl (1)"
	}
	return ".BR machinectl (1),\n.BR systemctl (1),\n.BR journalctl (1),\n.BR systemd.nspawn (5)"
}

// roff keeps troff from reading text as its own: backslashes, hyphens that must
// stay hyphens, and lines that begin with a dot or a quote.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
