// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"math"
	"path/filepath"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"machined-go/boot"
	"machined-go/boot/sys"
)

// platforms reports what is for other systems.
func (t *translation) platforms() error {
	for _, p := range []struct {
		name string
		set  bool
	}{
		{"solaris", t.config.Solaris != nil}, {"windows", t.config.Windows != nil}, {"vm", t.config.VM != nil},
		{"zos", t.config.ZOS != nil}, {"freebsd", t.config.FreeBSD != nil},
	} {
		if p.set {
			t.note(p.name, "for another platform, ignored")
		}
	}
	if t.config.Linux == nil {
		t.config.Linux = new(specs.Linux)
	}
	return nil
}

var namespaceFlags = map[specs.LinuxNamespaceType]int{
	specs.PIDNamespace: unix.CLONE_NEWPID, specs.NetworkNamespace: unix.CLONE_NEWNET, specs.MountNamespace: unix.CLONE_NEWNS,
	specs.IPCNamespace: unix.CLONE_NEWIPC, specs.UTSNamespace: unix.CLONE_NEWUTS, specs.UserNamespace: unix.CLONE_NEWUSER,
	specs.CgroupNamespace: unix.CLONE_NEWCGROUP, specs.TimeNamespace: unix.CLONE_NEWTIME,
}

func (t *translation) namespaces() error {
	for i, n := range t.config.Linux.Namespaces {
		path := fmt.Sprintf("linux.namespaces[%d]", i)
		flag, ok := namespaceFlags[n.Type]
		switch {
		case !ok:
			return refuse(path+".type", "%q is no kind of namespace", n.Type)
		case t.has(flag):
			return refuse(path, "there is another %s namespace already", n.Type)
		case n.Path != "" && flag == unix.CLONE_NEWNS:
			return refuse(path+".path", "the mount namespace must be a new one, not %q", n.Path)
		case n.Path != "" && !filepath.IsAbs(n.Path):
			return refuse(path+".path", "%q is not an absolute path", n.Path)
		}
		t.container.Namespaces = append(t.container.Namespaces, boot.Namespace{Kind: string(n.Type), Flag: flag, Path: n.Path})
	}
	if !t.has(unix.CLONE_NEWNS) {
		return refuse("linux.namespaces", `a container without a "mount" namespace would change the host's mounts: add one`)
	}
	return nil
}

// has tells whether the container has a namespace of that kind that is not the host's.
func (t *translation) has(flag int) bool {
	for _, n := range t.container.Namespaces {
		if n.Flag == flag {
			return true
		}
	}
	return false
}

// users finds out the ids of the container's user namespace: those of the bundle, those of the namespace that it joins, or a range
// that is ours to choose.
func (t *translation) users() error {
	l := t.config.Linux
	uids, err := readMaps("linux.uidMappings", l.UIDMappings)
	if err != nil {
		return err
	}
	gids, err := readMaps("linux.gidMappings", l.GIDMappings)
	if err != nil {
		return err
	}
	for _, n := range t.container.Namespaces {
		if n.Flag != unix.CLONE_NEWUSER {
			continue
		}
		t.container.Users = &sys.IDMaps{Users: uids, Groups: gids}
		if n.Path != "" && len(uids) == 0 && len(gids) == 0 {
			if t.container.Users, err = sys.MapsOf(n.Path); err != nil {
				return refuse("linux.namespaces", "%w", err)
			}
		}
		if (len(uids) == 0) != (len(gids) == 0) {
			return refuse("linux", "uidMappings and gidMappings belong together")
		}
		return nil
	}
	if len(uids)+len(gids) > 0 {
		return refuse("linux.uidMappings", `there is no "user" namespace in linux.namespaces`)
	}
	return nil
}

// maxMaps is how many runs of ids the kernel takes (user_namespaces(7)).
const maxMaps = 340

func readMaps(path string, list []specs.LinuxIDMapping) ([]sys.IDMap, error) {
	if len(list) > maxMaps {
		return nil, refuse(path, "%d mappings are more than the kernel takes, %d", len(list), maxMaps)
	}
	var maps []sys.IDMap
	for i, m := range list {
		if m.Size == 0 || m.ContainerID > math.MaxUint32-m.Size || m.HostID > math.MaxUint32-m.Size {
			return nil, refuse(fmt.Sprintf("%s[%d]", path, i), "%d ids from %d, on the host from %d, are no ids", m.Size, m.ContainerID, m.HostID)
		}
		maps = append(maps, sys.IDMap{Inside: m.ContainerID, Outside: m.HostID, Count: m.Size})
	}
	return maps, nil
}
