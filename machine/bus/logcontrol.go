// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"slices"
	"strconv"

	"github.com/godbus/dbus/v5"
)

const logIf = "org.freedesktop.LogControl1"

// Level is the least severity that the daemon logs, as a number of syslog(3).
type Level interface {
	Syslog() int
	SetSyslog(level int)
}

// logLevels are the names of syslog(3)'s numbers.
var logLevels = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// logTargets are those that systemd's services know. Ours writes to its standard
// error whatever is set, which is the journal's.
var logTargets = []string{
	"console", "console-prefixed", "kmsg", "journal", "journal-or-kmsg", "syslog", "syslog-or-kmsg", "auto", "null",
}

// logInterface is the table of org.freedesktop.LogControl1(5), which systemctl
// service-log-level uses.
func logInterface() *iface {
	return &iface{name: logIf, props: []property{
		{name: "LogLevel", sig: "s", emits: "false", set: setLogLevel,
			get: value(func(c *call) any { return logLevels[c.level.Syslog()&7] })},
		{name: "LogTarget", sig: "s", emits: "false", set: setLogTarget,
			get: value(func(c *call) any { return c.target.Load() })},
		{name: "SyslogIdentifier", sig: "s", emits: "false", get: value(func(*call) any { return "machined-go" })},
	}}
}

func setLogLevel(c *call, v dbus.Variant) error {
	name := v.Value().(string)
	n := slices.Index(logLevels, name)
	if number, err := strconv.Atoi(name); err == nil && number >= 0 && number < len(logLevels) {
		n = number
	}
	if n < 0 {
		return failf(errBus+"InvalidArgs", "Invalid log level '%s'", validText(name))
	}
	c.level.SetSyslog(n)
	return nil
}

func setLogTarget(c *call, v dbus.Variant) error {
	name := v.Value().(string)
	if !slices.Contains(logTargets, name) {
		return failf(errBus+"InvalidArgs", "Invalid log target '%s'", validText(name))
	}
	c.target.Store(name)
	return nil
}
