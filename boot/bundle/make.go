// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"cmp"
	"errors"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"machined-go/boot"
	"machined-go/boot/sys"
)

// RootName is the name of the root file system in the folder of a bundle that is made here.
const RootName = "rootfs"

// makes is the version of the specification that what is made here follows: the first that has all of its fields.
const makes = "1.1.0"

// makesDevices is the first version that has network devices.
const makesDevices = "1.3.0"

// Layout says where a bundle that is to be made has its root file system, and to whom the files there belong.
type Layout struct {
	Root string      // root.path: absolute, or relative to the bundle
	IDs  *sys.IDMaps // the user namespace in which they are root's; nil for none
}

// Surroundings answers what a bundle depends on beyond the plan.
type Surroundings interface {
	// Device gives the number of the device that path is, or that it is on.
	Device(path string) (major, minor uint32, err error)
	// Account looks up a user of the tree, by name or number.
	Account(user string) (Account, error)
}

// Make writes what a plan of a machine means as the configuration of a bundle. The notes, by the keys of settings, say what a bundle has
// no way to say.
func Make(plan *boot.Plan, l Layout, host Surroundings) (*specs.Spec, []Note, error) {
	m := &making{plan: plan, spec: plan.Spec, layout: l, host: host}
	m.config = &specs.Spec{
		Version: makes, Hostname: plan.Hostname(), Process: new(specs.Process), Linux: new(specs.Linux),
		Root: &specs.Root{Path: l.Root, Readonly: m.spec.ReadOnly || m.spec.Volatile == "state"},
	}
	var errs []error
	for _, part := range makers {
		errs = append(errs, part(m))
	}
	return m.config, m.notes, errors.Join(errs...)
}

// making is a configuration that is being made.
type making struct {
	plan   *boot.Plan
	spec   boot.Spec
	layout Layout
	host   Surroundings
	config *specs.Spec
	notes  []Note
}

func (m *making) note(key, why string) { m.notes = append(m.notes, Note{key, why}) }

// makers write the parts of a configuration.
var makers = []func(*making) error{
	(*making).namespaces,
	(*making).process,
	(*making).mounts,
	(*making).paths,
	(*making).devices,
	(*making).resources,
	(*making).seccomp,
	(*making).stop,
	(*making).unsaid,
}

func (m *making) namespaces() error {
	l := m.config.Linux
	add := func(kind specs.LinuxNamespaceType, path string) {
		l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: kind, Path: path})
	}
	for _, kind := range []specs.LinuxNamespaceType{specs.PIDNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.MountNamespace, specs.CgroupNamespace} {
		add(kind, "")
	}
	if m.plan.Network.Own || m.plan.Network.Path != "" {
		add(specs.NetworkNamespace, m.plan.Network.Path)
	}
	for _, text := range m.spec.Network.Interfaces {
		host, inside, _ := strings.Cut(text, ":")
		if l.NetDevices == nil {
			l.NetDevices = map[string]specs.LinuxNetDevice{}
		}
		l.NetDevices[host] = specs.LinuxNetDevice{Name: inside}
		m.config.Version = makesDevices
	}
	if m.layout.IDs != nil {
		add(specs.UserNamespace, "")
		l.UIDMappings, l.GIDMappings = mappings(m.layout.IDs.Users), mappings(m.layout.IDs.Groups)
	}
	if p := m.plan.Personality; p != nil {
		l.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux}
		if *p != 0 {
			l.Personality.Domain = specs.PerLinux32
		}
	}
	l.MountLabel = m.spec.Security.SELinuxFilesContext
	return nil
}

func mappings(maps []sys.IDMap) (list []specs.LinuxIDMapping) {
	for _, m := range maps {
		list = append(list, specs.LinuxIDMapping{ContainerID: m.Inside, HostID: m.Outside, Size: m.Count})
	}
	return list
}

// stop says by which signal the container is to be asked to end, for those runtimes that look.
func (m *making) stop() error {
	signal := m.spec.KillSignal
	if len(m.spec.Command) == 0 {
		signal = cmp.Or(signal, "SIGRTMIN+3")
	}
	if signal != "" {
		m.config.Annotations = map[string]string{stopSignal: signal}
	}
	return nil
}
