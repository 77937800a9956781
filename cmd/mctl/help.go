// SPDX-License-Identifier: Apache-2.0

package main

// usageTemplate is cobra's, less what every verb would repeat.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} VERB [OPTION…] [ARGUMENT…]{{else}}{{.UseLine}}{{end}}{{if .Aliases}}

Also:
  {{.NameAndAliases}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$verbs := .Commands}}{{range $group := .Groups}}

{{.Title}}{{range $verbs}}{{if (and (eq .GroupID $group.ID) .IsAvailableCommand)}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}

{{if .Groups}}Besides{{else}}Verbs{{end}}:{{range $verbs}}{{if (and (eq .GroupID "") .IsAvailableCommand)}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}

What a verb does in full: {{.CommandPath}} VERB --help{{if not .HasParent}}, or man mctl-VERB{{end}}.{{end}}{{if .HasAvailableLocalFlags}}

Options:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`
