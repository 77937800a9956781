// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/mount"
)

// Volumes is where volumes are kept: not among the images, of which "machinectl clean" removes those that are hidden.
const Volumes = "/var/lib/machined-go/volumes"

// custom is a mount that the spec asks for, at its place among the others.
type custom struct {
	target string
	op     mount.Op
}

// decideFiles decides how the root is made, and what is mounted in it beyond what every machine has.
func (p *Plan) decideFiles(f Facts) error {
	p.base = baseOps(p.Spec, f)
	for _, c := range p.Spec.customs(f) {
		if c.target == "/" {
			p.base = append(p.base, c.op)
		} else {
			p.custom = append(p.custom, c.op)
		}
	}
	return nil
}

// baseOps make the root, in nspawn's order.
func baseOps(s Spec, f Facts) []mount.Op {
	tree := s.Users.tree(cmp.Or(f.Snapshot, s.Root))
	tree.ReadOnly, tree.NoDevices = s.sealed(), !f.Host.Systemd
	ops := []mount.Op{tree}
	if s.made() {
		ops = s.rootOps(f)
	}
	if s.overlaid(f.Snapshot) {
		ops = append(ops, mount.Forget{Dir: changes(f.Scratch)})
	}
	if s.PivotRoot != "" {
		to, old := s.pivot()
		ops = append(ops, mount.Pivot{New: to, Old: old})
	}
	switch s.Volatile {
	case volatileYes:
		ops = append(ops, mount.Memory{Options: rootInMemory, Usr: true})
	case volatileOverlay:
		ops = append(ops, mount.Forget{})
	}
	return append(ops, s.partOps(f)...)
}

// Limits of roots and /var in memory (TMPFS_LIMITS_… of systemd's src/shared/mount-util.h).
const (
	rootInMemory = "mode=0755,size=25%,nr_inodes=1m"
	varInMemory  = "mode=0755,size=25%,nr_inodes=1m"
)

// customs are the spec's mounts, sorted so that each finds those that it lies in.
func (s Spec) customs(f Facts) []custom {
	var list []custom
	for i, b := range s.Binds {
		list = append(list, custom{b.target(), b.op(f.scratch("bind", i))})
	}
	for _, v := range s.Volumes {
		list = append(list, custom{v.Target, v.op()})
	}
	for _, t := range s.Tmpfs {
		list = append(list, custom{t.Target, t.op(f.Base)})
	}
	for i, o := range s.Overlays {
		list = append(list, custom{o.target(), o.op(f.scratch("overlay", i))})
	}
	for _, target := range s.Inaccessible {
		list = append(list, custom{target, mount.Hide{Target: path.Clean(target)}})
	}
	for i := range list {
		list[i].target = path.Clean(list[i].target)
	}
	slices.SortStableFunc(list, func(a, b custom) int {
		return slices.Compare(strings.Split(a.target, "/"), strings.Split(b.target, "/"))
	})
	if s.Volatile == volatileState { // before all that may lie in it
		list = slices.Insert(list, 0, custom{"/var", mount.Tmpfs("/var", varInMemory, f.Base)})
	}
	return list
}

// scratch is a directory that is removed with the machine.
func (f Facts) scratch(kind string, i int) string {
	return path.Join(f.Scratch, kind+"-"+strconv.Itoa(i))
}

func (b Bind) op(scratch string) mount.Op {
	op := mount.Bind{
		Source: cmp.Or(b.Source, scratch), Target: path.Clean(b.target()), Inside: b.Inside,
		Recursive: b.Recursive == nil || *b.Recursive, Own: b.Source == "",
	}
	if b.Map != "none" {
		op.Map = mount.Map(b.Map)
	}
	if b.ReadOnly {
		op.Attr = unix.MOUNT_ATTR_RDONLY
	}
	return op
}

func (v Volume) op() mount.Op {
	op := mount.Bind{Source: path.Join(Volumes, v.Name), Target: path.Clean(v.Target), Recursive: true, Map: mount.MapAll, Own: true}
	if v.ReadOnly {
		op.Attr = unix.MOUNT_ATTR_RDONLY
	}
	return op
}

func (t Tmpfs) op(owner uint32) mount.Op {
	options := cmp.Or(t.Options, "mode=0755")
	if path.Clean(t.Target) == "/" {
		return mount.Memory{Options: options}
	}
	return mount.Tmpfs(path.Clean(t.Target), options, owner)
}

func (o Overlay) op(scratch string) mount.Op {
	op := mount.Overlay{Target: path.Clean(o.target())}
	for _, l := range o.Lower {
		op.Lower = append(op.Lower, layer(l))
	}
	switch {
	case o.ReadOnly:
	case o.Upper == "":
		op.Upper, op.Own = &mount.Layer{Path: path.Join(scratch, "upper")}, true
	default:
		upper := layer(o.Upper)
		op.Upper = &upper
	}
	return op
}

// layer reads a directory, which is one of the image if it begins with "+".
func layer(text string) mount.Layer {
	name, inside := strings.CutPrefix(text, "+")
	return mount.Layer{Path: path.Clean(name), Inside: inside}
}

// needsScratch tells whether a boot makes files that are removed when the machine ends.
func (s Spec) needsScratch() bool {
	return slices.ContainsFunc(s.Binds, func(b Bind) bool { return b.Source == "" }) ||
		slices.ContainsFunc(s.Overlays, func(o Overlay) bool { return o.Upper == "" && !o.ReadOnly })
}
