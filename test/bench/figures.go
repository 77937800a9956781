// SPDX-License-Identifier: Apache-2.0

package main

// Contenders, as the tables name them.
const (
	ours   = "machined-go"
	nspawn = "systemd-nspawn"
	crun   = "crun, systemd cgroups"
)

// figure is one thing that is measured.
type figure struct {
	key, title, unit string
	goals            []goal
}

// goal is how much of another's value ours may be at most.
type goal struct {
	than string
	most float64
}

var (
	commandFigure = figure{"command", "run /bin/true, from call to exit", "ms", []goal{{nspawn, 0.4}, {crun, 1}}}

	shareFigure   = figure{"start", "start of a Debian: the manager's share, from call to init's first instruction", "ms", []goal{{nspawn, 0.4}, {crun, 1}}}
	runningFigure = figure{"running", "start of a Debian: from call until it says running", "ms", []goal{{nspawn, 1}}}
	gapFigure     = figure{"reboot", "reboot: gap from the end of the old init to the new one's first instruction", "ms", []goal{{nspawn, 0.3}}}
	afterFigure   = figure{"poweroff", "poweroff: the manager's share, from the end of init to the end of the unit", "ms", []goal{{nspawn, 1}}}
	offFigure     = figure{"off", "poweroff: from call to the end of the unit", "ms", []goal{{nspawn, 1}}}
)
