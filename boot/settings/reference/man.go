// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"embed"
	"fmt"
	"strings"
	"text/template"

	"machined-go/boot/settings"
	"machined-go/boot/settings/schema"
)

// page is the reference page, less what is made from the types.
//
//go:embed machine.toml.5.tmpl
var page string

//go:embed examples
var examples embed.FS

// Examples are the settings files that the page shows, by the name that it has for each.
func Examples() map[string]string {
	all := map[string]string{}
	for name, file := range map[string]string{
		"Web": "web", "DropIn": "drop-in", "Template": "template", "Profile": "profile", "All": "all", "Command": "command",
	} {
		text, err := examples.ReadFile("examples/" + file + ".toml")
		if err != nil {
			panic(err) // they are part of the program
		}
		all[name] = string(text)
	}
	return all
}

// Man writes the reference page machine.toml(5).
func Man(t *schema.Type) (string, error) {
	tmpl, err := template.New("machine.toml.5").Parse(page)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	parts := map[string]string{
		"Settings": settingsText(t), "Specifiers": specifiersText(), "Identities": identitiesText(),
		"Harmless": list(settings.Harmless()), "Wholes": list(settings.Wholes()),
	}
	for name, file := range Examples() {
		parts[name] = ".PP\n.EX\n" + roff(strings.TrimSpace(file)) + "\n.EE"
	}
	err = tmpl.Option("missingkey=error").Execute(&out, parts)
	return out.String(), err
}

// settingsText lists all keys, a part for each section.
func settingsText(t *schema.Type) string {
	var out strings.Builder
	out.WriteString(".SS Of the machine\n")
	for _, f := range t.Fields {
		if !isSection(f.Type) {
			entry(&out, []string{f.Key}, f)
		}
	}
	for _, f := range t.Fields {
		if isSection(f.Type) {
			section(&out, []string{f.Key}, f)
		}
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func isSection(t *schema.Type) bool {
	return t.Kind == schema.Table || t.Kind == schema.List && t.Elem.Kind == schema.Table
}

// section lists the keys of a table; tables in it follow as sections of their own.
func section(out *strings.Builder, path []string, f schema.Field) {
	table, brackets := f.Type, "[%s]"
	if table.Kind == schema.List {
		table, brackets = table.Elem, "[[%s]]"
	}
	fmt.Fprintf(out, ".SS %s\n%s\n", fmt.Sprintf(brackets, strings.Join(path, ".")), roff(f.Doc))
	for _, inner := range table.Fields {
		if !isSection(inner.Type) {
			entry(out, append(path[:len(path):len(path)], inner.Key), inner)
		}
	}
	for _, inner := range table.Fields {
		if isSection(inner.Type) {
			section(out, append(path[:len(path):len(path)], inner.Key), inner)
		}
	}
}

func entry(out *strings.Builder, path []string, f schema.Field) {
	fmt.Fprintf(out, ".TP\n.BR %s \" (%s)\"\n%s\n", roff(strings.Join(path, ".")), strings.TrimPrefix(strings.TrimPrefix(f.Type.String(), "an "), "a "),
		roff(f.Doc))
}

func specifiersText() string {
	var out strings.Builder
	for _, s := range settings.Specifiers() {
		fmt.Fprintf(&out, ".TP\n.B %%%c\n%s\n", s.Letter, roff(s.Meaning))
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func identitiesText() string {
	var all []string
	for _, i := range settings.Identities() {
		all = append(all, fmt.Sprintf(`\fB%s\fR by %s`, roff(i.List), roff(strings.Join(i.Keys, " or else "))))
	}
	return strings.Join(all, ",\n")
}

// list writes keys in bold, with commas.
func list(keys []string) string {
	var all []string
	for _, key := range keys {
		all = append(all, `\fB`+roff(key)+`\fR`)
	}
	return strings.Join(all, ",\n")
}

// roff keeps troff from reading text as its own.
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
