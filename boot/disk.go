// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"machined-go/boot/mount"
	"machined-go/boot/sys"
)

// made tells whether the root is put together of file systems on a disk image, or of layers.
func (s Spec) made() bool { return len(s.Parts) > 0 || s.Stack != nil }

// parts are the file systems of the machine's disk image, as this boot may use them.
func (s Spec) parts() []sys.Part {
	list := slices.Clone(s.Parts)
	for i := range list {
		list[i].ReadOnly = list[i].ReadOnly || s.SharesImage()
	}
	return list
}

// stack is what the root is put together of, as this boot may use it.
func (s Spec) stack() sys.Stack {
	branch := func(b sys.Branch) sys.Branch {
		if b.Disk != nil && s.SharesImage() {
			disk := *b.Disk
			disk.ReadOnly = true
			b.Disk = &disk
		}
		return b
	}
	stack := *s.Stack
	stack.Layers, stack.Graftings = slices.Clone(stack.Layers), slices.Clone(stack.Graftings)
	for i := range stack.Layers {
		stack.Layers[i] = branch(stack.Layers[i])
	}
	for i := range stack.Graftings {
		stack.Graftings[i].Branch = branch(stack.Graftings[i].Branch)
	}
	if stack.Upper != nil {
		upper := branch(*stack.Upper)
		stack.Upper = &upper
	}
	if stack.Root != nil {
		root := *stack.Root
		root.Branch = branch(root.Branch)
		stack.Root = &root
	}
	return stack
}

// disks are all file systems on disk images that a boot mounts.
func (s Spec) disks() []sys.Part {
	list := s.parts()
	if s.Stack == nil {
		return list
	}
	for _, b := range s.stack().Branches() {
		if b.Disk != nil {
			list = append(list, *b.Disk)
		}
	}
	return list
}

// beneath tells whether a partition is there before what volatile does to the root, as in systemd.
func beneath(p sys.Part) bool { return p.Target == "/" || p.Target == "/usr" }

// rootOps make the root that is not just a directory, before volatile changes it.
func (s Spec) rootOps(f Facts) []mount.Op {
	if s.Stack != nil {
		return []mount.Op{mount.Stack{Stack: s.stack(), ReadOnly: s.SharesImage(), NoDevices: !f.Host.Systemd, Unmapped: !s.Users.maps()}}
	}
	var ops []mount.Op
	bare := !slices.ContainsFunc(s.Parts, func(p sys.Part) bool { return p.Target == "/" })
	if bare {
		ops = append(ops, mount.Bare{})
	}
	for _, p := range s.parts() {
		if beneath(p) {
			ops = append(ops, mount.Part{Part: p, Unmapped: !s.Users.maps()})
		}
	}
	if bare {
		ops = append(ops, mount.Skeleton{})
	}
	return ops
}

// partOps mount the other partitions.
func (s Spec) partOps(f Facts) []mount.Op {
	var ops []mount.Op
	boot := slices.ContainsFunc(s.Parts, func(p sys.Part) bool { return p.Target == "/boot" })
	for i, p := range s.parts() {
		if beneath(p) {
			continue
		}
		op := mount.Part{Part: p, OrBoot: p.Target == "/efi" && !boot, Unmapped: !s.Users.maps()}
		if s.overlaid(f.Snapshot) && p.Type != "vfat" { // which cannot be laid over
			op.Changes = f.scratch("part", i)
		}
		ops = append(ops, op)
	}
	return ops
}

// mounted are the file systems of disk images that are mounted for a boot, though nowhere yet.
type mounted map[sys.Part]*sys.Device

// openDevices mounts them; read-only if they are only to be looked at.
func openDevices(s Spec, look bool) (mounted, error) {
	list := mounted{}
	for _, p := range s.disks() {
		if list[p] != nil {
			continue
		}
		how := p
		how.ReadOnly = p.ReadOnly || look
		d, err := sys.OpenDevice(how)
		if p.Type == "vfat" && errors.Is(err, unix.ENODEV) {
			continue // what is for the firmware is of no use inside, and not worth the boot on a kernel that cannot read it
		}
		if err != nil {
			list.close()
			return nil, fmt.Errorf("open disk image %q: %w", p.Path, err)
		}
		list[p] = d
	}
	return list, nil
}

// close lets go of them. What is mounted somewhere stays.
func (m mounted) close() {
	for _, device := range m {
		device.Close()
	}
}

// inspectMade is Inspect of a root that is put together, with what an earlier boot changed, in that scratch directory. It is put
// together for that, where nobody sees it.
func inspectMade(spec Spec, open mounted, scratch string) (Tree, error) {
	var t Tree
	err := sys.OnThread(func() error {
		if err := sys.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			return err
		}
		if err := sys.Propagate("/", unix.MS_PRIVATE); err != nil {
			return err
		}
		root := mount.NewRoot(mount.Inputs{Users: -1, Devices: open})
		defer root.Close()
		if err := root.Apply(spec.looked()); err != nil {
			return fmt.Errorf("open root of %q: %w", spec.Name, err)
		}
		fd, err := spec.enter(func() (int, error) { return layChanged(root.FD(), scratch) })
		if err != nil {
			return fmt.Errorf("open root of %q: %w", spec.Name, err)
		}
		defer unix.Close(fd)
		t, err = spec.look(fd)
		return err
	})
	return t, err
}

// looked make the root for a look at it, which leaves nothing in the layers.
func (s Spec) looked() []mount.Op {
	if s.Stack != nil {
		return []mount.Op{mount.Stack{Stack: s.stack(), ReadOnly: true, Look: true}}
	}
	return s.rootOps(Facts{})
}
