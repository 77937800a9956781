// SPDX-License-Identifier: Apache-2.0

package boot

// Health is how it is found out whether a running machine works.
type Health struct {
	// Command to run inside, an absolute path and arguments; exit status 0 means that the machine works.
	Command []string `toml:"command"`
	// Time between two checks, such as "30s".
	Interval string `toml:"interval"`
	// Time after which a check counts as failed.
	Timeout string `toml:"timeout"`
	// Time after the start during which failures do not count.
	StartPeriod string `toml:"start_period"`
	// How many failures in a row are needed; by default 3.
	Retries int `toml:"retries"`
	// What then happens: "restart", the default, or "none".
	Action string `toml:"action"`
}

func (h Health) validate() error { return unsupported(h) }
