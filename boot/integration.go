// SPDX-License-Identifier: Apache-2.0

package boot

// Integration is what a machine gets from its host's configuration.
type Integration struct {
	// How the machine finds names: "off", "copy-host", "copy-static", "copy-uplink", "copy-stub", the same with "replace-" or "bind-",
	// "delete" or "auto", the default (--resolv-conf= of systemd-nspawn(1)).
	ResolvConf string `toml:"resolv_conf"`
	// Where the time zone comes from: "off", "copy", "bind", "symlink", "delete" or "auto", the default.
	Timezone string `toml:"timezone"`
	// Where the machine's journal lies: "no", "auto", "guest", "try-guest", "host" or "try-host"; by default "try-guest".
	LinkJournal string `toml:"link_journal"`
	// Credentials for the machine's init (systemd.io/CREDENTIALS).
	Credentials []Credential `toml:"credential"`
}

func (i Integration) validate() error { return unsupported(i) }

// Credential is a secret or parameter that the machine's services may read by its id.
type Credential struct {
	// Name of the credential.
	ID string `toml:"id"`
	// Its content.
	Value string `toml:"value"`
	// File or socket of the host that has the content, or the name of a credential of ours, instead of a value.
	Path string `toml:"path"`
}
