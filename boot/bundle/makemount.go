// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"machined-go/boot"
	"machined-go/boot/mount"
)

// usualMounts are what every machine has, as a runtime can make it.
var usualMounts = []specs.Mount{
	{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
	{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=4m", "nr_inodes=64k"}},
	{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
	{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "nodev", "strictatime", "mode=1777", "size=10%", "nr_inodes=400k"}},
	{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
}

// endMounts are those that come after /sys.
var endMounts = []specs.Mount{
	{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime"}},
	{Destination: "/run", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "strictatime", "mode=755", "size=20%", "nr_inodes=800k"}},
	{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "nodev", "strictatime", "mode=1777", "size=10%", "nr_inodes=400k"}},
}

func (m *making) mounts() error {
	m.config.Mounts = append(slices.Clone(usualMounts), m.sysfs())
	m.config.Mounts = append(m.config.Mounts, endMounts...)
	if m.spec.Volatile == "state" {
		m.config.Mounts = append(m.config.Mounts, specs.Mount{
			Destination: "/var", Type: "tmpfs", Source: "tmpfs", Options: []string{"nodev", "strictatime", "mode=0755", "size=25%", "nr_inodes=1m"},
		})
	}
	var list []specs.Mount
	for i, b := range m.spec.Binds {
		list = append(list, m.bind(fmt.Sprintf("bind[%d]", i), b)...)
	}
	for i, v := range m.spec.Volumes {
		list = append(list, m.bound(path.Join(boot.Volumes, v.Name), v.Target, v.ReadOnly, true, "idmap"))
		m.note(fmt.Sprintf("volume[%d]", i), "a bundle has none of its own: it shows that of this host, which must be there")
	}
	for _, t := range m.spec.Tmpfs {
		list = append(list, specs.Mount{
			Destination: path.Clean(t.Target), Type: "tmpfs", Source: "tmpfs",
			Options: append([]string{"nodev", "strictatime"}, strings.Split(cmp.Or(t.Options, "mode=0755"), ",")...),
		})
	}
	slices.SortStableFunc(list, func(a, b specs.Mount) int {
		return slices.Compare(strings.Split(a.Destination, "/"), strings.Split(b.Destination, "/"))
	})
	m.config.Mounts = append(m.config.Mounts, list...)
	return nil
}

// sysfs is a new one, or without a network of the machine's own, to which a new one would have to belong, the host's.
func (m *making) sysfs() specs.Mount {
	options := []string{"nosuid", "noexec", "nodev", "ro"}
	if m.layout.IDs != nil && !m.plan.Network.Own {
		return specs.Mount{Destination: "/sys", Type: "bind", Source: "/sys", Options: append(options, "rbind")}
	}
	return specs.Mount{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: options}
}

func (m *making) bind(key string, b boot.Bind) []specs.Mount {
	source, target := b.Source, cmp.Or(b.Target, b.Source)
	recursive := b.Recursive == nil || *b.Recursive
	switch {
	case source == "":
		m.note(key+".source", "a bundle has no new directories")
		return nil
	case path.Clean(target) == "/":
		m.note(key+".target", "a bundle's root is not a mount")
		return nil
	case b.Inside:
		m.note(key+".inside", "a runtime would look the source up on the host, where a link in the tree leads anywhere")
		return nil
	}
	switch b.Map {
	case "root", "owner":
		m.note(key+".map", "a bundle knows no owners of files: they are the host's")
	case "map":
		return []specs.Mount{m.bound(source, target, b.ReadOnly, recursive, "idmap")}
	}
	return []specs.Mount{m.bound(source, target, b.ReadOnly, recursive, "")}
}

// bound is a bind mount. Without a user namespace there are no ids to map.
func (m *making) bound(source, target string, readOnly, recursive bool, idmap string) specs.Mount {
	options := []string{"bind", "rw"}
	if recursive {
		options[0] = "rbind"
	}
	if readOnly {
		options[1] = "ro"
		if recursive {
			options = append(options, "rro")
		}
	}
	if idmap != "" && m.layout.IDs != nil {
		if recursive {
			idmap = "r" + idmap
		}
		options = append(options, idmap)
	}
	return specs.Mount{Destination: path.Clean(target), Type: "bind", Source: source, Options: options}
}

// paths hides and seals what of /proc and /sys tells of the host, or would change it.
func (m *making) paths() error {
	l := m.config.Linux
	for _, name := range []string{"kallsyms", "kcore", "keys", "kmsg", "sysrq-trigger", "timer_list", "latency_stats", "sched_debug"} {
		l.MaskedPaths = append(l.MaskedPaths, "/proc/"+name)
	}
	l.MaskedPaths = append(l.MaskedPaths, "/sys/firmware")
	for _, p := range m.spec.Inaccessible {
		l.MaskedPaths = append(l.MaskedPaths, path.Clean(p))
	}
	for _, name := range []string{"acpi", "apm", "asound", "bus", "fs", "irq", "scsi"} {
		l.ReadonlyPaths = append(l.ReadonlyPaths, "/proc/"+name)
	}
	if !m.plan.Network.Own {
		l.ReadonlyPaths = append(l.ReadonlyPaths, "/proc/sys")
		return nil
	}
	// All but net, which is the machine's own.
	for _, name := range []string{"abi", "crypto", "debug", "dev", "fs", "fscache", "kernel", "sunrpc", "user", "vm"} {
		l.ReadonlyPaths = append(l.ReadonlyPaths, "/proc/sys/"+name)
	}
	return nil
}

// devices lists the nodes that a runtime does not make by itself, and what may be done with them.
func (m *making) devices() error {
	l := m.config.Linux
	l.Resources = &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}}
	access := map[string]string{}
	for _, rule := range m.plan.Devices {
		access[rule.Node] = rule.Access
	}
	for _, op := range m.plan.Mounts {
		n, ok := op.(mount.Node)
		kind := map[uint32]string{unix.S_IFCHR: "char", unix.S_IFBLK: "block"}[n.Mode&unix.S_IFMT]
		if !ok || kind == "" || n.HostOwned || isUsual(n.Path) {
			continue
		}
		if _, _, err := m.host.Device(n.Path); n.Optional && err != nil {
			continue
		}
		mode, major, minor := os.FileMode(n.Mode&0o777), int64(n.Major), int64(n.Minor)
		l.Devices = append(l.Devices, specs.LinuxDevice{
			Path: n.Path, Type: kind[:1], Major: major, Minor: minor, FileMode: &mode, UID: &n.User, GID: &n.Group,
		})
		l.Resources.Devices = append(l.Resources.Devices, specs.LinuxDeviceCgroup{
			Allow: true, Type: kind[:1], Major: &major, Minor: &minor,
			Access: cmp.Or(access[fmt.Sprintf("/dev/%s/%d:%d", kind, n.Major, n.Minor)], access[n.Path], "rw"),
		})
	}
	return nil
}

func isUsual(name string) bool {
	for _, d := range usual {
		if d.path == name {
			return true
		}
	}
	return false
}
