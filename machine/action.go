// SPDX-License-Identifier: Apache-2.0

package machine

// Polkit actions that guard what clients may do (org.freedesktop.machine1.policy).
const (
	ActionLogin         = "org.freedesktop.machine1.login"
	ActionHostLogin     = "org.freedesktop.machine1.host-login"
	ActionShell         = "org.freedesktop.machine1.shell"
	ActionHostShell     = "org.freedesktop.machine1.host-shell"
	ActionOpenPTY       = "org.freedesktop.machine1.open-pty"
	ActionHostOpenPTY   = "org.freedesktop.machine1.host-open-pty"
	ActionMachines      = "org.freedesktop.machine1.manage-machines"
	ActionCreate        = "org.freedesktop.machine1.create-machine"
	ActionRegister      = "org.freedesktop.machine1.register-machine"
	ActionImages        = "org.freedesktop.machine1.manage-images"
	ActionInspect       = "org.freedesktop.machine1.inspect-machines"
	ActionInspectImages = "org.freedesktop.machine1.inspect-images"
)
