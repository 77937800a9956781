// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"machined-go/boot/caps"
)

func (m *making) process() error {
	p, plan, s := m.config.Process, m.plan, m.spec
	p.Args, p.Cwd, p.Terminal = plan.Argv, cmp.Or(s.WorkingDirectory, "/"), s.Console == "interactive"
	p.NoNewPrivileges, p.SelinuxLabel = s.Security.NoNewPrivileges, s.Security.SELinuxContext
	p.OOMScoreAdj = s.Limits.OOMScoreAdjust
	for _, l := range plan.Limits {
		p.Rlimits = append(p.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(l.Name), Soft: l.Soft, Hard: l.Hard})
	}
	home := Account{Name: "root", Home: "/root"}
	if s.User != "" {
		var err error
		if home, err = m.host.Account(s.User); err != nil {
			return fmt.Errorf("user %q: %w", s.User, err)
		}
		p.User = specs.User{UID: home.UID, GID: home.GID, AdditionalGids: home.Groups}
	}
	p.Env = m.environment(home)
	p.Capabilities = m.capabilities()
	return nil
}

// environment is that of the machine, but for what tells of a host whose machine this no longer is.
func (m *making) environment(user Account) []string {
	env := []string{"container=oci", "HOME=" + user.Home, "USER=" + user.Name, "LOGNAME=" + user.Name}
	if m.spec.MachineID != "" {
		env = append(env, "container_uuid="+m.spec.MachineID)
	}
	for _, e := range m.plan.Env {
		name, _, _ := strings.Cut(e, "=")
		_, asked := m.spec.Environment[name]
		foreign := slices.Contains([]string{"container", "container_uuid", "HOME", "USER", "LOGNAME", "NOTIFY_SOCKET", "TERM", "CREDENTIALS_DIRECTORY"}, name) ||
			strings.HasPrefix(name, "container_host_")
		if foreign && !asked {
			continue
		}
		env = slices.DeleteFunc(env, func(old string) bool { return strings.HasPrefix(old, name+"=") })
		env = append(env, e)
	}
	slices.Sort(env)
	return env
}

// capabilities are those of root, or of another user, who keeps the ambient ones alone.
func (m *making) capabilities() *specs.LinuxCapabilities {
	all, ambient := capNames(m.plan.Caps), capNames(m.plan.Ambient)
	c := &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all, Inheritable: ambient, Ambient: ambient}
	if m.config.Process.User.UID != 0 {
		c.Effective, c.Permitted = ambient, ambient
	}
	return c
}

// capNames are the names of those capabilities that have one; a set of all has numbers beyond.
func capNames(set caps.Set) []string {
	var names []string
	for _, c := range set.List() {
		if name := caps.Name(c); strings.HasPrefix(name, "CAP_") {
			names = append(names, name)
		}
	}
	return names
}
