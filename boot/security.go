// SPDX-License-Identifier: Apache-2.0

package boot

// Security is what a machine may do beyond or short of what every machine may.
type Security struct {
	// Further capabilities, such as "CAP_SYS_TIME", or "all" (capabilities(7)).
	AddCapabilities []string `toml:"add_capabilities"`
	// Capabilities to take away, or "all".
	DropCapabilities []string `toml:"drop_capabilities"`
	// Capabilities that a command keeps though it does not run as root.
	AmbientCapabilities []string `toml:"ambient_capabilities"`
	// Whether no program may gain privileges (PR_SET_NO_NEW_PRIVS).
	NoNewPrivileges bool `toml:"no_new_privileges"`
	// Further system calls, or groups of them such as "@clock" (systemd.exec(5), SystemCallFilter=).
	AllowSystemCalls []string `toml:"allow_system_calls"`
	// System calls and groups to take away.
	DenySystemCalls []string `toml:"deny_system_calls"`
	// The only address families for sockets, such as "AF_INET"; by default all.
	AllowAddressFamilies []string `toml:"allow_address_families"`
	// Address families for which there shall be no sockets.
	DenyAddressFamilies []string `toml:"deny_address_families"`
	// Whether sync(2) and its like do nothing, which is fast, and loses data when the host crashes.
	SuppressSync bool `toml:"suppress_sync"`
	// Whether containers can be run inside: FUSE, unmasked proc and sysfs for new user namespaces, further ids, keyrings.
	Nesting bool `toml:"nesting"`
	// SELinux label of the machine's processes.
	SELinuxContext string `toml:"selinux_context"`
	// SELinux label of the machine's files in memory.
	SELinuxFilesContext string `toml:"selinux_files_context"`
}

func (s Security) validate() error { return unsupported(s) }
