// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"machined-go/boot"
)

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// kernel is what concerns the kernel and is no namespace, mount or limit.
func (t *translation) kernel() error {
	l := t.config.Linux
	if l.IntelRdt != nil {
		t.note("linux.intelRdt", ignored)
	}
	if l.MemoryPolicy != nil {
		t.note("linux.memoryPolicy", ignored)
	}
	if p := l.RootfsPropagation; p != "" {
		how, ok := propagations[p]
		if !ok {
			return refuse("linux.rootfsPropagation", "%q is no way to propagate mounts", p)
		}
		t.container.Spread = how
	}
	if p := l.Personality; p != nil {
		domain, ok := map[specs.LinuxPersonalityDomain]uint32{specs.PerLinux: 0, specs.PerLinux32: 8}[p.Domain]
		if !ok {
			return refuse("linux.personality.domain", "%q is none of LINUX and LINUX32", p.Domain)
		}
		if len(p.Flags) > 0 {
			t.note("linux.personality.flags", ignored)
		}
		t.container.Process.Personality = &domain
	}
	if err := t.offsets(); err != nil {
		return err
	}
	return t.sysctls()
}

func (t *translation) offsets() error {
	for _, clock := range sortedKeys(t.config.Linux.TimeOffsets) {
		field, o := "linux.timeOffsets."+clock, t.config.Linux.TimeOffsets[clock]
		switch {
		case clock != "monotonic" && clock != "boottime":
			return refuse(field, "a time namespace has no such clock: only monotonic and boottime")
		case !t.makes(unix.CLONE_NEWTIME):
			return refuse(field, `there is no new "time" namespace in linux.namespaces`)
		case o.Nanosecs > 999999999:
			return refuse(field+".nanosecs", "%d is a second or more", o.Nanosecs)
		}
		t.container.Offsets = append(t.container.Offsets, boot.TimeOffset{Clock: clock, Seconds: o.Secs, Nanoseconds: o.Nanosecs})
	}
	return nil
}

// makes tells whether the container has a new namespace of that kind.
func (t *translation) makes(flag int) bool {
	for _, n := range t.container.Namespaces {
		if n.Flag == flag {
			return n.Path == ""
		}
	}
	return false
}

// sysctlSpaces are the settings that a namespace has for itself; what ends in a slash is a folder of them.
var sysctlSpaces = []struct {
	flag  int
	kind  string
	names string
}{
	{unix.CLONE_NEWNET, "network", "net/"},
	{unix.CLONE_NEWIPC, "ipc", `fs/mqueue/ kernel/msgmax kernel/msgmnb kernel/msgmni kernel/sem kernel/shmall kernel/shmmax
		kernel/shmmni kernel/shm_rmid_forced kernel/auto_msgmni kernel/msg_next_id kernel/sem_next_id kernel/shm_next_id`},
	{unix.CLONE_NEWUTS, "uts", "kernel/domainname"},
}

// sysctls refuses those that would be set for the whole host.
func (t *translation) sysctls() error {
	for _, name := range sortedKeys(t.config.Linux.Sysctl) {
		field, value := "linux.sysctl."+name, t.config.Linux.Sysctl[name]
		file := name
		if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '.' { // sysctl(8): a dot stands for a slash, a slash for a dot
			file = strings.Map(func(r rune) rune {
				switch r {
				case '.':
					return '/'
				case '/':
					return '.'
				}
				return r
			}, name)
		}
		if path.Clean("/"+file) != "/"+file || strings.ContainsRune(file+value, 0) {
			return refuse(field, "it is no name of a setting")
		}
		if err := t.checkSysctl(file); err != nil {
			return refuse(field, "%w", err)
		}
		t.container.Sysctls = append(t.container.Sysctls, boot.Sysctl{Path: file, Value: value})
	}
	return nil
}

func (t *translation) checkSysctl(file string) error {
	for _, space := range sysctlSpaces {
		for name := range strings.FieldsSeq(space.names) {
			if file != name && !(strings.HasSuffix(name, "/") && strings.HasPrefix(file, name)) {
				continue
			}
			if !t.has(space.flag) {
				return fmt.Errorf("without a %q namespace it would be set for the host", space.kind)
			}
			return nil
		}
	}
	return fmt.Errorf("it is a setting of the whole host, not of a container")
}

// network moves interfaces of the host into the container.
func (t *translation) network() error {
	for _, name := range sortedKeys(t.config.Linux.NetDevices) {
		field := "linux.netDevices." + name
		if !t.has(unix.CLONE_NEWNET) {
			return refuse(field, `there is no "network" namespace in linux.namespaces`)
		}
		inside := cmp.Or(t.config.Linux.NetDevices[name].Name, name)
		for _, n := range []string{name, inside} {
			if len(n) > unix.IFNAMSIZ-1 || n == "" || n == "." || n == ".." || strings.ContainsAny(n, "/: \x00") {
				return refuse(field, "%q is not the name of an interface", n)
			}
		}
		if _, err := os.Stat("/sys/class/net/" + name); err != nil {
			return refuse(field, "there is no interface %q on the host", name)
		}
		t.container.Links = append(t.container.Links, boot.NetLink{Host: name, Inside: inside})
	}
	return nil
}
