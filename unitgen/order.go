// SPDX-License-Identifier: Apache-2.0

package unitgen

import "strings"

// Order is which machines a machine starts after, which it brings along, and by which signal its service asks it to end; the usual one
// if that is empty.
type Order struct {
	After, Wants, Requires []string
	KillSignal             string
}

// Dropin is the text of a drop-in for a machine's service that says so; empty if there is nothing to say. Who needs another machine
// also starts after it.
func (o Order) Dropin() string {
	var b strings.Builder
	for _, line := range []struct {
		key      string
		machines []string
	}{{"Wants", o.Wants}, {"Requires", o.Requires}, {"After", o.After}, {"After", o.Wants}, {"After", o.Requires}} {
		for _, machine := range line.machines {
			b.WriteString(line.key + "=" + Service(machine) + "\n")
		}
	}
	text := b.String()
	if text != "" {
		text = "[Unit]\n" + text
	}
	if o.KillSignal != "" {
		text += "[Service]\nKillSignal=" + o.KillSignal + "\n"
	}
	if text == "" {
		return ""
	}
	return "# SPDX-License-Identifier: Apache-2.0\n# From the machine's settings, [start] and kill_signal in machine.toml(5).\n" + text
}
