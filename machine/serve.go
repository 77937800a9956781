// SPDX-License-Identifier: Apache-2.0

package machine

// Since systemd 261, whoever looks after a machine may serve
// io.systemd.MachineInstance at an address that stands in the state file;
// machinectl pauses, resumes, powers off and reboots a machine there. No process
// stays with a machine of ours, so we serve it.

// serve begins to serve a machine of ours, before anybody can read its address.
// Without one, clients do what they did before there were addresses.
func (m *Manager) serve(e *entry) {
	if m.control == nil || !e.Ours || !e.alone() {
		return
	}
	address, err := m.control.Open(e.Machine)
	if err != nil {
		m.log.Warn("machine is not served, ignoring", "machine", e.Name, "error", err)
	}
	e.ControlAddress = address
}

// withhold ends what serve began.
func (m *Manager) withhold(e *entry) {
	if m.control != nil && e.Ours {
		m.control.Close(e.Name)
	}
}

// Withdraw ends the service of all machines and takes their addresses out of the
// files: another machined is to look after them, which could not answer there.
func (m *Manager) Withdraw() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.byName {
		if !e.Ours {
			continue
		}
		m.withhold(e)
		e.ControlAddress = ""
		if err := m.dir.save(&e.Machine); err != nil {
			m.log.Warn("state file has an address that nobody serves, ignoring", "machine", e.Name, "error", err)
		}
	}
}
