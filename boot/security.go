// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"slices"
	"strings"

	"machined-go/boot/caps"
	"machined-go/boot/seccomp"
)

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
	// Whether containers and machines can be run inside, by podman or mctl. Root inside can then mount proc and sysfs
	// without what hides parts of them from machines: it can read of the host's kernel and devices what any user of the host can, its
	// boot id among that, and change no more than without. The machine gets four further ranges of 65536 ids for what it runs,
	// which have the same numbers inside, unless users.delegate says how many; /etc/subuid inside can name them. With
	// users.namespace = "no" it may use keyrings, which are then the host's, and bpf(2).
	Nesting bool `toml:"nesting"`
	// SELinux label of the machine's processes.
	SELinuxContext string `toml:"selinux_context"`
	// SELinux label of the machine's files in memory.
	SELinuxFilesContext string `toml:"selinux_files_context"`
}

func (s Security) validate() error {
	if _, _, err := s.capabilities(); err != nil {
		return err
	}
	if _, err := s.ambient(); err != nil {
		return err
	}
	if err := s.policy(seccomp.Policy{}).Check(); err != nil {
		return err
	}
	return unsupported(s, "AddCapabilities", "DropCapabilities", "AmbientCapabilities", "NoNewPrivileges", "AllowSystemCalls",
		"DenySystemCalls", "AllowAddressFamilies", "DenyAddressFamilies", "SuppressSync", "Nesting")
}

func (s Security) capabilities() (add, drop caps.Set, err error) {
	if add, err = caps.Parse(strings.Join(s.AddCapabilities, " ")); err != nil {
		return 0, 0, fmt.Errorf("add_capabilities: %w", err)
	}
	if drop, err = caps.Parse(strings.Join(s.DropCapabilities, " ")); err != nil {
		return 0, 0, fmt.Errorf("drop_capabilities: %w", err)
	}
	return add, drop, nil
}

func (s Security) ambient() (caps.Set, error) {
	set, err := caps.Parse(strings.Join(s.AmbientCapabilities, " "))
	if err != nil {
		return 0, fmt.Errorf("ambient_capabilities: %w", err)
	}
	if set == caps.All {
		return 0, fmt.Errorf(`ambient_capabilities: "all" is not for these: name each`)
	}
	return set, nil
}

// policy adds to a filter's policy what the settings say.
func (s Security) policy(p seccomp.Policy) seccomp.Policy {
	p.Allow, p.Deny = s.AllowSystemCalls, s.DenySystemCalls
	p.OnlyFamilies, p.NoFamilies = s.AllowAddressFamilies, s.DenyAddressFamilies
	p.SuppressSync = s.SuppressSync
	return p
}

func (p *Plan) decideSecurity(f Facts) error {
	wish := p.Spec.Security
	add, drop, err := wish.capabilities()
	if err != nil {
		return err
	}
	if p.Ambient, err = wish.ambient(); err != nil {
		return err
	}
	p.Caps = caps.Machine(p.Spec.Network.private(), p.Spec.Users.own()).With(add).Without(drop)
	if !p.Spec.Users.own() { // in a user namespace of its own it has them all
		if missing := p.Caps & f.Host.Lacks & add; missing != 0 && add != caps.All {
			return fmt.Errorf("add_capabilities: who starts the machine does not have %s", missing)
		}
		p.Caps = p.Caps.Without(f.Host.Lacks)
	}
	if missing := p.Ambient.Without(p.Caps); missing != 0 {
		return fmt.Errorf("ambient_capabilities: the machine does not have %s: add_capabilities first", missing)
	}
	if p.Ambient != 0 && len(p.Spec.Command) == 0 {
		return fmt.Errorf("ambient_capabilities are of use to a command alone, not to an init, which is root")
	}
	p.Policy = wish.policy(seccomp.Policy{Caps: p.Caps, UserNamespace: p.Spec.Users.own()})
	if wish.Nesting && !p.Spec.Users.own() {
		p.Policy.Allow = append(slices.Clip(p.Policy.Allow), nestingCalls...)
	}
	p.Filter, err = seccomp.Program(p.Policy)
	return err
}

// outlineSecurity tells what restrict does.
func (p *Plan) outlineSecurity(add func(kind, format string, args ...any)) {
	add("capabilities", "capabilities %s", p.Caps)
	if p.Ambient != 0 {
		add("capabilities", "ambient capabilities %s", p.Ambient)
	}
	if p.Spec.Security.NoNewPrivileges {
		add("privileges", "no new privileges")
	}
	add("filter", "system call filter of %d instructions", len(p.Filter))
}
