// SPDX-License-Identifier: Apache-2.0

package unitgen

// Socket is the text of machined-go.socket, the Varlink socket of machined-go.service. It has the paths of the stock unit of systemd
// 258 and newer, and its name while it is enabled; on hosts without that unit it is the same. Who connects while the daemon starts
// anew waits. RemoveOnStop= takes the paths away with it, as systemd-nspawn only registers over D-Bus where there is no such socket;
// it also lets the links replace the sockets that systemd-machined 257 left there.
func Socket() string {
	return `# SPDX-License-Identifier: Apache-2.0
[Unit]
Description=Machine Manager Socket
Documentation=man:machined-go(8)

[Socket]
ListenStream=/run/systemd/machine/io.systemd.Machine
Symlinks=/run/systemd/machine/io.systemd.MachineImage /run/varlink/registry/io.systemd.Machine /run/varlink/registry/io.systemd.MachineImage
FileDescriptorName=varlink
SocketMode=0666
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
Alias=systemd-machined.socket
`
}
