// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"machined-go/boot"
	"machined-go/boot/mount"
	"machined-go/boot/sys"
)

// mounts plans the bundle's mounts in their order.
func (t *translation) mounts() error {
	for i, m := range t.config.Mounts {
		field := fmt.Sprintf("mounts[%d]", i)
		target := path.Clean("/" + m.Destination)
		switch {
		case m.Destination == "" || target == "/":
			return refuse(field+".destination", "%q is no place to mount on", m.Destination)
		case strings.ContainsRune(m.Destination+m.Source+m.Type+strings.Join(m.Options, ""), 0):
			return refuse(field, "there is a NUL byte in it")
		}
		o, err := t.readOptions(field+".options", m)
		if err != nil {
			return err
		}
		if err := t.mount(field, target, m, o); err != nil {
			return err
		}
	}
	return nil
}

func (t *translation) mount(field, target string, m specs.Mount, o options) error {
	if m.Type == "cgroup" || m.Type == "cgroup2" {
		return t.cgroup(field, target, o)
	}
	e := mount.Entry{
		Type: m.Type, Source: m.Source, Target: target, Flags: o.flags &^ unix.MS_RDONLY, Data: strings.Join(o.data, ","),
		Bind: o.bind || m.Type == "bind", Recursive: o.recursive, Remount: o.remount,
		Set: o.set, Clear: o.clear, SetAll: o.setAll, ClearAll: o.clearAll, Propagation: o.propagation,
	}
	if e.Source == "" {
		e.Source = m.Type
	}
	if err := t.idmap(field, m, o, &e); err != nil {
		return err
	}
	switch {
	case e.Remount:
	case e.Bind:
		source, err := t.bindSource(field, m.Source)
		if err != nil {
			return err
		}
		e.Source, e.Type, e.Flags, e.Data = source, "bind", 0, ""
	case m.Type == "":
		return refuse(field+".type", "missing, and it is no bind mount")
	default:
		e.Set = o.flagAttributes()
		e.Clear = 0
	}
	t.container.Mounts = append(t.container.Mounts, e)
	return nil
}

// bindSource makes a source that is relative to the bundle absolute. It must be in the bundle.
func (t *translation) bindSource(field, source string) (string, error) {
	field += ".source"
	if source == "" {
		return "", refuse(field, "missing")
	}
	if filepath.IsAbs(source) {
		if _, err := os.Stat(source); err != nil {
			return "", refuse(field, "open %q: %w", source, errors.Unwrap(err))
		}
		return source, nil
	}
	dir, err := unix.Open(t.bundle.Dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", refuse(field, "%w", err)
	}
	defer unix.Close(dir)
	fd, err := sys.OpenBeneath(dir, source, unix.O_PATH)
	if errors.Is(err, unix.EXDEV) {
		return "", refuse(field, "%q leads out of the bundle: give an absolute path if that is meant", source)
	}
	if err != nil {
		return "", refuse(field, "open %q: %w", source, errors.Unwrap(err))
	}
	defer unix.Close(fd)
	return os.Readlink(sys.FDPath(fd))
}

// cgroup has the container see its own part of the cgroup tree. That takes a cgroup namespace; without it, it would be the whole
// host's.
func (t *translation) cgroup(field, target string, o options) error {
	if !t.has(unix.CLONE_NEWCGROUP) {
		t.container.Namespaces = append(t.container.Namespaces, boot.Namespace{Kind: "cgroup", Flag: unix.CLONE_NEWCGROUP})
		t.note(field, `there is no "cgroup" namespace in linux.namespaces: there will be one, to show the container's own cgroups only`)
	}
	t.container.Mounts = append(t.container.Mounts, mount.Place{Path: target})
	t.container.Cgroups = append(t.container.Cgroups, boot.CgroupMount{Target: target, Flags: o.flags})
	return nil
}

func (t *translation) idmap(field string, m specs.Mount, o options, e *mount.Entry) error {
	uids, err := readMaps(field+".uidMappings", m.UIDMappings)
	if err != nil {
		return err
	}
	gids, err := readMaps(field+".gidMappings", m.GIDMappings)
	if err != nil {
		return err
	}
	switch {
	case (len(uids) == 0) != (len(gids) == 0):
		return refuse(field, "uidMappings and gidMappings belong together")
	case len(uids) > 0:
		e.IDMap = &mount.IDMap{Maps: &sys.IDMaps{Users: uids, Groups: gids}, Recursive: o.recursiveIDMap}
	case !o.idmap:
	case t.container.Users == nil:
		return refuse(field+".options", `"idmap" needs uidMappings and gidMappings, or a "user" namespace`)
	default:
		e.IDMap = &mount.IDMap{Recursive: o.recursiveIDMap}
	}
	return nil
}

// paths hides and seals what the bundle says, once all is mounted.
func (t *translation) paths() error {
	t.seal()
	for _, list := range []struct {
		field string
		paths []string
		op    func(string) mount.Op
	}{
		{"linux.maskedPaths", t.config.Linux.MaskedPaths, func(p string) mount.Op { return mount.Mask{Path: p} }},
		{"linux.readonlyPaths", t.config.Linux.ReadonlyPaths, func(p string) mount.Op {
			return mount.Entry{Type: "bind", Source: p, Target: p, Bind: true, Inside: true, Recursive: true, Optional: true,
				Set: unix.MOUNT_ATTR_RDONLY}
		}},
	} {
		for i, p := range list.paths {
			if !path.IsAbs(p) || path.Clean(p) == "/" || strings.ContainsRune(p, 0) {
				return refuse(fmt.Sprintf("%s[%d]", list.field, i), "%q is no absolute path below the root", p)
			}
			t.container.Mounts = append(t.container.Mounts, list.op(path.Clean(p)))
		}
	}
	t.container.Mounts = append(t.container.Mounts, mount.Place{Path: t.container.Process.Dir})
	if t.config.Root != nil && t.config.Root.Readonly {
		t.spec.ReadOnly = true
		t.container.Mounts = append(t.container.Mounts, mount.Seal{Target: "/", Attr: unix.MOUNT_ATTR_RDONLY})
	}
	return nil
}

// seal puts off making file systems read-only in which something has yet to be made: places to mount on, devices.
func (t *translation) seal() {
	var late []mount.Op
	for i, op := range t.container.Mounts {
		e, ok := op.(mount.Entry)
		if !ok || e.Bind || e.Remount || e.Set&unix.MOUNT_ATTR_RDONLY == 0 || !fills(t.container.Mounts[i+1:], e.Target) {
			continue
		}
		e.Set &^= unix.MOUNT_ATTR_RDONLY
		t.container.Mounts[i] = e
		late = append(late, mount.Seal{Target: e.Target, Attr: unix.MOUNT_ATTR_RDONLY})
	}
	t.container.Mounts = append(t.container.Mounts, late...)
}

// fills tells whether operations make something below target, and none hides it.
func fills(ops []mount.Op, target string) bool {
	below, above := false, false
	for _, op := range ops {
		name := "/dev/console"
		switch o := op.(type) {
		case mount.Entry:
			name = o.Target
			above = above || name == target || strings.HasPrefix(target, name+"/")
		case mount.Device:
			name = o.Path
		case mount.UsualLink:
			name = o.Path
		case mount.Place:
			name = o.Path
		}
		below = below || strings.HasPrefix(name, target+"/")
	}
	return below && !above
}
