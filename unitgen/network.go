// SPDX-License-Identifier: Apache-2.0

package unitgen

// Network is the text of machined-go-network.service; machined is the path of the program.
//
// It leads ports of the host into machines and undoes at a machine's end what the kernel does not. It is a process of its own, so that
// neither it nor the manager can take the other down, and only there while a machine needs it. It has no mount namespace of its own: it
// unmounts what who started a machine has mounted.
func Network(machined string) string {
	return `# SPDX-License-Identifier: Apache-2.0
[Unit]
Description=Networks of Machines
Documentation=man:machined-go(8)
# However often it is killed, it comes back.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=` + machined + ` network
Restart=on-failure
RestartSec=20ms
OOMScoreAdjust=-500

CapabilityBoundingSet=CAP_NET_ADMIN CAP_SYS_ADMIN CAP_SYS_PTRACE
IPAddressDeny=any
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_NETLINK
RestrictRealtime=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service @mount
`
}

// NetworkPath is the text of machined-go-network.path, which starts the service when a machine has left a note of what it needs.
func NetworkPath() string {
	return `# SPDX-License-Identifier: Apache-2.0
[Unit]
Description=Networks of Machines That Need Somebody
Documentation=man:machined-go(8)

[Path]
DirectoryNotEmpty=/run/machined-go/network
MakeDirectory=yes
`
}
