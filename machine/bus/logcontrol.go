// SPDX-License-Identifier: Apache-2.0

package bus

import (
	"github.com/godbus/dbus/v5"
)

const logIf = "org.freedesktop.LogControl1"

// Logging is how the daemon logs; org.freedesktop.LogControl1(5) changes it
// (systemctl service-log-level).
type Logging interface {
	// Level is one of syslog's: "debug", "info", "warning", "err", ….
	Level() string
	// SetLevel fails for what is no level.
	SetLevel(level string) error
	// Target is where to: "journal", "console", "null" and so on.
	Target() string
	// SetTarget fails for what is no target.
	SetTarget(target string) error
}

// logInterface is the table of LogControl1.
func logInterface() *iface {
	text := func(name string, get func(Logging) string, set func(Logging, string) error) property {
		p := property{name: name, sig: "s", emits: "false"}
		p.get = func(c *call) (any, error) {
			if c.logging == nil {
				return "", nil
			}
			return get(c.logging), nil
		}
		if set == nil {
			return p
		}
		p.set = func(c *call, v dbus.Variant) error {
			s := v.Value().(string)
			if c.logging == nil {
				return failf(errBus+"PropertyReadOnly", "Property '%s' is not writable.", name)
			}
			if err := set(c.logging, s); err != nil {
				return failf(errBus+"InvalidArgs", "Invalid value of %s '%s'", name, validText(s))
			}
			return nil
		}
		return p
	}
	return &iface{name: logIf, props: []property{
		text("LogLevel", Logging.Level, Logging.SetLevel),
		text("LogTarget", Logging.Target, Logging.SetTarget),
		text("SyslogIdentifier", func(Logging) string { return "machined-go" }, nil),
	}}
}
