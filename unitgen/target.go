// SPDX-License-Identifier: Apache-2.0

package unitgen

// Machines is the text of machines.target, which holds all machines that start with the host (systemd.special(7)). Debian has it
// in systemd-container; ours serves hosts without that package and says the same.
func Machines() string {
	return `# SPDX-License-Identifier: Apache-2.0
[Unit]
Description=Containers
Documentation=man:systemd.special(7)

[Install]
WantedBy=multi-user.target
`
}
