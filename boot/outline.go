// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"strings"
)

// Step is one thing a boot does.
type Step struct {
	Kind string `json:"kind"` // what it is about, one word, such as "mount"
	Does string `json:"does"` // for a person
}

// Outline lists the plan in the order in which it is carried out.
func (p *Plan) Outline() []Step {
	if p.Spec.Container != nil {
		return p.containerOutline()
	}
	var list []Step
	add := func(kind, format string, args ...any) { list = append(list, Step{kind, fmt.Sprintf(format, args...)}) }
	add("machine", "machine %s from %s", p.Spec.Name, p.Spec.Root)
	add("namespaces", "namespaces: %s", p.namespaceNames())
	p.outlineIDs(add)
	for _, op := range p.Mounts {
		add("mount", "%s", op)
	}
	for _, line := range p.Network.Lines() {
		add("network", "%s", line)
	}
	for _, l := range p.Limits {
		add("limit", "limit %s", l)
	}
	for _, d := range p.Devices {
		add("device", "device %s %s", d.Node, d.Access)
	}
	for _, prop := range p.Properties {
		add("unit", "unit property %s", prop)
	}
	if p.Receiver != nil {
		add("journal", "receive journal with %s", p.Receiver)
	}
	p.outlineAdjustments(add)
	add("hostname", "host name %s", p.Hostname())
	p.outlineSecurity(add)
	p.outlineProgram(add)
	for _, e := range p.Env {
		add("environment", "environment %s", e)
	}
	add("execute", "execute %s", strings.Join(p.Argv, " "))
	return list
}

func (p *Plan) namespaceNames() string {
	names := "pid ipc uts mount cgroup"
	if p.Network.Own {
		names = "pid net ipc uts mount cgroup"
	}
	if p.Spec.Users.own() {
		names = "user " + names
	}
	return names
}

// String is the outline, a line each.
func (p *Plan) String() string {
	var b strings.Builder
	for _, step := range p.Outline() {
		b.WriteString(step.Does + "\n")
	}
	return b.String()
}
