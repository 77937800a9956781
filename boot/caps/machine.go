// SPDX-License-Identifier: Apache-2.0

package caps

import "github.com/moby/sys/capability"

// Machine returns the bounding set of a booted machine that asks for nothing special: what systemd-nspawn retains
// (systemd-nspawn(1), --capability=), because that is what an unmodified systemd inside has been tested with.
//
// A private network adds CAP_NET_ADMIN. With a user namespace but the host's network, CAP_NET_BIND_SERVICE goes: it
// would not be honoured there (it is checked against the owner of the network namespace), and without it services see
// in advance that they cannot have a low port.
func Machine(privateNetwork, userNamespace bool) Set {
	set := Of(
		capability.CAP_AUDIT_CONTROL,
		capability.CAP_AUDIT_WRITE,
		capability.CAP_CHOWN,
		capability.CAP_DAC_OVERRIDE,
		capability.CAP_DAC_READ_SEARCH,
		capability.CAP_FOWNER,
		capability.CAP_FSETID,
		capability.CAP_IPC_OWNER,
		capability.CAP_KILL,
		capability.CAP_LEASE,
		capability.CAP_LINUX_IMMUTABLE,
		capability.CAP_MKNOD,
		capability.CAP_NET_BIND_SERVICE,
		capability.CAP_NET_BROADCAST,
		capability.CAP_NET_RAW,
		capability.CAP_SETFCAP,
		capability.CAP_SETGID,
		capability.CAP_SETPCAP,
		capability.CAP_SETUID,
		capability.CAP_SYS_ADMIN,
		capability.CAP_SYS_BOOT,
		capability.CAP_SYS_CHROOT,
		capability.CAP_SYS_NICE,
		capability.CAP_SYS_PTRACE,
		capability.CAP_SYS_RESOURCE,
		capability.CAP_SYS_TTY_CONFIG,
	)
	if privateNetwork {
		return set.Add(capability.CAP_NET_ADMIN)
	}
	if userNamespace {
		return set.Drop(capability.CAP_NET_BIND_SERVICE)
	}
	return set
}
