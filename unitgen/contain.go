// SPDX-License-Identifier: Apache-2.0

package unitgen

// Contain is the text of contain@.service; mctl is the path of the command that it runs.
//
// The starter it runs is gone once the machine is up: it gives its place as main process to the machine's own PID 1 (MAINPID=, and
// NotifyAccess=all, for later messages), which lives in the machine's scope. So systemd itself sees how the machine ends. The
// kernel kills the init with SIGHUP when the machine reboots and with SIGINT when it powers off or halts (reboot(2), PID
// namespaces): the first means "start again", the second is a clean end.
//
// There is no After=machined-go.service: with it, a daemon that dies while a machine stops is not started again before that machine has
// stopped (of two ordered units, stopping one goes before starting the other), and the machine's ExecStopPost= waits for the daemon.
// The bus starts the daemon for who needs it, and at host shutdown the daemon stays until the last machine is off.
func Contain(mctl string) string {
	return `# SPDX-License-Identifier: Apache-2.0
[Unit]
Description=Machine %i
Documentation=man:mctl(1)
After=dbus.service network.target
# Does for a machine's network what nobody who stays could do.
Wants=machined-go-network.path
PartOf=machines.target
Before=machines.target
RequiresMountsFor=/var/lib/machines/%i
# A guest may reboot as often as it likes.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
ExecStart=` + mctl + ` starter %i
Slice=machine.slice
# Guest's reboot.
RestartForceExitStatus=SIGHUP
RestartSec=0
# Ask the guest's systemd to power off; what is left after the time-out is killed.
KillMode=mixed
KillSignal=SIGRTMIN+3
TimeoutStartSec=5min
TimeoutStopSec=90s
# Console and locks stay over a guest's reboot.
FileDescriptorStoreMax=16

[Install]
WantedBy=machines.target
`
}
