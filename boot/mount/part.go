// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// anchor is where a root is mounted that is no directory of the host: a place that every host has, in a mount namespace where nobody
// needs what is there.
const anchor = "/run"

// Part mounts a file system of a disk image, which is mounted nowhere yet, ID-mapped.
type Part struct {
	sys.Part
	// OrBoot is for the firmware's: it belongs on /boot if that is empty. If there is no place for it, it is left out.
	OrBoot   bool
	Changes  string // directory of the host that takes all changes, and goes with the machine; empty: they are made for good
	Unmapped bool   // its files belong to the machine's ids already
}

func (o Part) String() string {
	how := ""
	if o.ReadOnly {
		how = ", read-only"
	}
	if !o.Unmapped {
		how += ", ID-mapped"
	}
	text := fmt.Sprintf("mount %s from host %s (%d+%d) on %s%s", o.Type, o.Path, o.Offset, o.Size, o.Target, how)
	if o.Changes != "" {
		text += fmt.Sprintf("; host %s takes all changes", o.Changes)
	}
	return text
}

func (o Part) host() []string {
	paths := []string{anchor}
	if o.Changes != "" {
		paths = append(paths, o.Changes)
	}
	return paths
}

func (o Part) prepare(*Root) error {
	if o.Changes == "" {
		return nil
	}
	return makeUpper(o.Changes)
}

func (o Part) apply(r *Root) error {
	target := o.Target
	if _, ok := r.in.Devices[o.Part]; !ok && o.Type == "vfat" {
		return nil // the kernel has no such file system
	}
	if o.OrBoot {
		if target = o.firmware(r); target == "" {
			return nil
		}
	}
	tree, err := r.mountPart(o.Part, o.Unmapped)
	if err != nil {
		return err
	}
	if target == "/" {
		return r.begin(tree)
	}
	if o.Changes == "" {
		return r.attach(tree, target, true)
	}
	lower, err := unix.FcntlInt(uintptr(tree), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		unix.Close(tree)
		return err
	}
	defer unix.Close(lower)
	if err := r.attach(tree, target, true); err != nil {
		return err
	}
	dir, err := r.source(o.Changes)
	if err != nil {
		return err
	}
	merged, err := r.overlay(lower, dir)
	if err != nil {
		return err
	}
	return r.attach(merged, target, true)
}

// firmware finds a place for the firmware's file system, as systemd does.
func (o Part) firmware(r *Root) string {
	if entries, err := r.list("/boot"); err == nil && len(entries) == 0 {
		return "/boot"
	}
	if st, err := r.stat(o.Target); err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return o.Target
	}
	return ""
}

// list gives the names in a directory.
func (r *Root) list(name string) ([]string, error) {
	fd, err := sys.OpenIn(r.fd, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	dir := os.NewFile(uintptr(fd), name)
	defer dir.Close()
	return dir.Readdirnames(1)
}

// mountPart mounts a file system of a disk image, detached.
func (r *Root) mountPart(p sys.Part, unmapped bool) (int, error) {
	device, ok := r.in.Devices[p]
	if !ok {
		return -1, &os.PathError{Op: "open", Path: p.Path, Err: fs.ErrInvalid}
	}
	attr := 0
	if p.Target == "/var/tmp" {
		attr = unix.MOUNT_ATTR_NOSUID
	}
	tree, err := device.Mount(attr)
	if err != nil {
		return -1, err
	}
	if r.in.Users >= 0 && !unmapped {
		if err := r.mapIDs(tree, MapAll, ""); err != nil {
			unix.Close(tree)
			return -1, err
		}
	}
	return tree, nil
}

// begin makes a detached tree the root, of which there is none yet.
func (r *Root) begin(tree int) error {
	if r.fd >= 0 {
		return r.stack(tree)
	}
	at, err := r.source(anchor)
	if err == nil {
		err = sys.Attach(tree, at)
	}
	if err != nil {
		unix.Close(tree)
		return err
	}
	r.fd = tree
	return nil
}

// Bare makes an empty file system in memory the root, for a tree that is nothing but /usr.
type Bare struct{}

func (Bare) String() string { return "mount tmpfs on / for the tree's /usr" }

func (Bare) host() []string { return []string{anchor} }

func (Bare) apply(r *Root) error {
	tree, err := sys.NewMount("tmpfs", Tmpfs("/", memory, r.in.Owner).Options)
	if err != nil {
		return err
	}
	return r.begin(tree)
}

// Skeleton makes what every root has beside /usr.
type Skeleton struct{}

func (Skeleton) String() string { return "make what the tree has beside /usr" }

func (Skeleton) apply(r *Root) error {
	links := r.links()
	for name, target := range links {
		if _, err := r.readlink(name); err == nil {
			delete(links, name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("link %s to %s: %w", name, target, err)
		}
	}
	if st, err := r.stat("/usr/lib64"); err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		links["/lib64"] = "usr/lib64"
	}
	return r.skeleton(links)
}
