// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/network"
	"machined-go/boot/sys"
	"machined-go/boot/userns"
)

// containerDecisions are decisions for a container, which is for the most part decided already.
var containerDecisions = []decision{
	{"users", (*Plan).decideContainerUsers},
	{"rights", (*Plan).decideContainerRights},
	{"program", (*Plan).decideContainerProgram},
	{"network", (*Plan).decideContainerNetwork},
	{"resources", (*Plan).decideResources},
}

// decideContainerUsers finds out who on the host is the container's root.
func (p *Plan) decideContainerUsers(f Facts) error {
	c := p.Spec.Container
	p.IDs = c.Users
	if c.picks() {
		all := []sys.IDMap{{Inside: 0, Outside: f.Base, Count: userns.Size}}
		p.IDs = &sys.IDMaps{Users: all, Groups: all}
	}
	root, okUser := p.IDs.User(0)
	if _, okGroup := p.IDs.Group(0); !okUser || !okGroup {
		return fmt.Errorf("the user namespace of the container has no root: map its user and group 0")
	}
	p.Base = root
	for _, id := range []struct {
		what string
		id   uint32
		of   func(uint32) (uint32, bool)
	}{{"user", c.Process.UID, p.IDs.User}, {"group", c.Process.GID, p.IDs.Group}} {
		if _, ok := id.of(id.id); !ok {
			return fmt.Errorf("the user namespace of the container has no %s %d", id.what, id.id)
		}
	}
	return nil
}

func (p *Plan) decideContainerRights(Facts) error {
	c := p.Spec.Container
	p.Caps, p.Filter, p.Limits, p.Devices = c.Rights.Bounding, c.Rights.Filter, c.Process.Limits, c.Devices
	return nil
}

func (p *Plan) decideContainerProgram(Facts) error {
	c := p.Spec.Container
	p.Argv, p.Env, p.Path = p.Spec.Command, c.Process.Env, p.Spec.Command[0]
	p.Mounts = c.Mounts
	return nil
}

// decideContainerNetwork has interfaces of the host move into the container's network, be that new or joined.
func (p *Plan) decideContainerNetwork(Facts) error {
	p.Network.Machine = p.Spec.Name
	for _, l := range p.Spec.Container.Links {
		p.Network.Ops = append(p.Network.Ops, network.Move{Host: l.Host, Inside: l.Inside, Keep: true})
	}
	return nil
}

// paths are where a container's program may be, in the order in which they are tried, as execvp(3) does.
func (p *Plan) paths() []string {
	if strings.Contains(p.Path, "/") {
		return []string{p.Path}
	}
	search := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, e := range p.Env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok && value != "" {
			search = value
		}
	}
	var list []string
	for dir := range strings.SplitSeq(search, ":") {
		if dir == "" {
			dir = "."
		}
		list = append(list, dir+"/"+p.Path)
	}
	return list
}

// containerOutline is Outline of a container.
func (p *Plan) containerOutline() []Step {
	var list []Step
	add := func(kind, format string, args ...any) { list = append(list, Step{kind, fmt.Sprintf(format, args...)}) }
	c := p.Spec.Container
	add("machine", "machine %s from %s", p.Spec.Name, p.Spec.Root)
	for _, n := range c.Namespaces {
		if n.Path == "" {
			add("namespaces", "new %s namespace", n.Kind)
		} else {
			add("namespaces", "join %s namespace %s", n.Kind, n.Path)
		}
	}
	p.outlineUsers(add)
	for _, s := range c.Sysctls {
		add("sysctl", "set %s to %s", strings.ReplaceAll(s.Path, "/", "."), s.Value)
	}
	for _, l := range c.Links {
		add("network", "move interface %s into the machine, as %s", l.Host, l.Inside)
	}
	for _, op := range p.Mounts {
		add("mount", "%s", op)
	}
	for _, m := range c.Cgroups {
		add("mount", "mount cgroup2 on %s", m.Target)
	}
	p.outlineLimits(add)
	p.outlineProcess(add)
	return list
}

func (p *Plan) outlineUsers(add func(kind, format string, args ...any)) {
	if p.IDs == nil {
		add("ids", "users and groups are the host's: root in the machine is root of the host")
		return
	}
	for _, m := range p.IDs.Users {
		add("ids", "user ids %d-%d are %d-%d on the host", m.Inside, m.Inside+m.Count-1, m.Outside, m.Outside+m.Count-1)
	}
	for _, m := range p.IDs.Groups {
		add("ids", "group ids %d-%d are %d-%d on the host", m.Inside, m.Inside+m.Count-1, m.Outside, m.Outside+m.Count-1)
	}
}

func (p *Plan) outlineLimits(add func(kind, format string, args ...any)) {
	for _, l := range p.Limits {
		add("limit", "limit %s", l)
	}
	for _, d := range p.Devices {
		add("device", "device %s %s", d.Node, d.Access)
	}
	for _, prop := range p.Properties {
		add("unit", "unit property %s", prop)
	}
}

func (p *Plan) outlineProcess(add func(kind, format string, args ...any)) {
	c := p.Spec.Container
	if c.makes(unix.CLONE_NEWUTS) && p.Spec.Hostname != "" {
		add("hostname", "host name %s", p.Spec.Hostname)
	}
	for _, moment := range c.Hooks.moments() {
		for _, h := range moment.hooks {
			add("hook", "%s: %s", h.Field, h.Path)
		}
	}
	r := c.Rights
	add("user", "user %d:%d, groups %v, file creation mask %04o", c.Process.UID, c.Process.GID, c.Process.Groups, c.Process.Umask)
	add("capabilities", "capabilities: bounding %s", r.Bounding)
	add("capabilities", "capabilities: effective %s", r.Effective)
	add("capabilities", "capabilities: ambient %s", r.Ambient)
	if r.NoNewPrivileges {
		add("capabilities", "no program may gain privileges")
	}
	if len(p.Filter) > 0 {
		add("filter", "system call filter of %d instructions", len(p.Filter))
	}
	for _, e := range p.Env {
		add("environment", "environment %s", e)
	}
	add("execute", "execute %s in %s", strings.Join(p.Argv, " "), c.Process.Dir)
}
