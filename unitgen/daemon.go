// SPDX-License-Identifier: Apache-2.0

package unitgen

// Daemon is the text of machined-go.service; machined is the path of the program.
//
// It takes the names under which systemd-machined is known, so that bus activation and everything else that names that unit comes to
// us while ours is enabled. Its descriptors (console masters, notify sockets) outlive it in its fd store, and it is started again
// whatever ended it and however often, as nothing that runs depends on it living through. It has no mount namespace of its own: it
// opens what machines mounted. No RestrictSUIDSGID=: it makes openat2 fail. CAP_SETUID is there to speak to a machine's bus as that machine's root.
func Daemon(machined string) string {
	return `# SPDX-License-Identifier: Apache-2.0
[Unit]
Description=Machine Manager
Documentation=man:machined-go(8)
Wants=machine.slice machined-go.socket machined-go-network.path
After=machine.slice machined-go.socket dbus.socket dbus.service
Requires=dbus.socket
RequiresMountsFor=/var/lib/machines
# However often it is killed, it comes back.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
# For systemctl service-log-level.
BusName=org.freedesktop.machine1
ExecStart=` + machined + `
Restart=always
RestartSec=20ms
WatchdogSec=3min
KillMode=mixed
# At host shutdown it stays as long as machines do, which have 90 s.
TimeoutStopSec=100s
# One console and one notify socket a machine.
FileDescriptorStoreMax=8192
# Since systemd 254; before that, only a restart keeps them.
FileDescriptorStorePreserve=yes
# Lines of machines' consoles are limited per machine, by us.
LogRateLimitIntervalSec=0
OOMScoreAdjust=-500
# Go's run-time looks after its threads every 20 µs while anything runs, which is more often than they need.
TimerSlackNSec=1ms

CapabilityBoundingSet=CAP_KILL CAP_SYS_PTRACE CAP_SYS_ADMIN CAP_SETUID CAP_SETGID CAP_SETFCAP CAP_SYS_CHROOT CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER CAP_FSETID CAP_MKNOD CAP_LINUX_IMMUTABLE
IPAddressDeny=any
LockPersonality=yes
MemoryDenyWriteExecute=yes
NoNewPrivileges=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6
RestrictRealtime=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service @mount quotactl_fd

[Install]
WantedBy=multi-user.target
Also=machined-go.socket
Alias=dbus-org.freedesktop.machine1.service systemd-machined.service
`
}
