// SPDX-License-Identifier: Apache-2.0

package unitgen

// HealthTimer is the name of the timer that checks a machine now and again. It is transient, for its times are in the machine's settings.
func HealthTimer(machine string) string { return "machined-go-health@" + machine + ".timer" }

// Health is the text of machined-go-health@.service, which checks a machine once; mctl is the path of the command that it runs.
func Health(mctl string) string {
	return `# SPDX-License-Identifier: Apache-2.0
[Unit]
Description=Health Check of Machine %i
Documentation=man:machine.toml(5)
After=contain@%i.service
# The timer says how often.
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=` + mctl + ` health %i
# A check that fails is the machine's affair, and mctl tells.
SuccessExitStatus=3
# One line a check would be all there is in the journal.
LogLevelMax=notice
SyslogLevel=warning
`
}
