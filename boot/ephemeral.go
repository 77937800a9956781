// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"machined-go/boot/mount"
	"machined-go/boot/sys"
)

// An ephemeral machine runs from a snapshot of its image, if that is a btrfs subvolume. Otherwise its changes go to an overlay over
// the image, which costs nothing to begin with; a copy of the files, even one that shares their data, takes a while for each.

// overlaid tells whether the changes of an ephemeral machine go to an overlay. A root that is forgotten anyhow needs none.
func (s Spec) overlaid(snapshot string) bool {
	return s.Ephemeral && snapshot == "" && s.Volatile != volatileYes && s.Volatile != volatileOverlay
}

// changes is where they go.
func changes(scratch string) string { return filepath.Join(scratch, "root") }

// scratchPath is where the machine's scratch directory is to be. An overlay's upper directory cannot be just anywhere, but always on
// the image's own file system.
func scratchPath(spec Spec) string {
	upper := spec.Ephemeral || slices.ContainsFunc(spec.Overlays, func(o Overlay) bool { return o.Upper == "" && !o.ReadOnly })
	if upper && !sys.TakesUpper() {
		return sys.ScratchBeside(spec.Root, spec.Name)
	}
	return sys.ScratchPath(spec.Name)
}

// snapshotPath is where a snapshot of the image is to be made; empty if there can be none.
func snapshotPath(spec Spec) string {
	if !spec.Ephemeral || spec.made() {
		return ""
	}
	dir, err := unix.Open(spec.Root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(dir)
	if !sys.IsSubvolume(dir) {
		return ""
	}
	return sys.SnapshotPath(spec.Root, spec.Name)
}

// makeSnapshot makes it.
func makeSnapshot(spec Spec, path string) error {
	source, err := unix.Open(spec.Root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(source)
	dir, err := unix.Open(filepath.Dir(path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	return sys.Snapshot(source, dir, filepath.Base(path), false)
}

// openChanged opens the image with what an earlier boot of the machine changed.
func openChanged(root int, scratch string) (merged int, err error) {
	err = sys.OnThread(func() error {
		if err := sys.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
		merged, err = layChanged(root, scratch)
		return err
	})
	return merged, err
}

// layChanged is openChanged on a thread that has a working directory of its own.
func layChanged(root int, scratch string) (int, error) {
	if scratch == "" {
		return unix.FcntlInt(uintptr(root), unix.F_DUPFD_CLOEXEC, 0)
	}
	upper, err := unix.Open(filepath.Join(changes(scratch), mount.UpperDir), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return unix.FcntlInt(uintptr(root), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err != nil {
		return -1, err
	}
	defer unix.Close(upper)
	return sys.Overlay{Lower: []int{root, upper}, Upper: -1}.Mount()
}

// inspect looks at the tree that the machine is going to have.
func (c claim) inspect(spec Spec) (Tree, error) {
	if spec.made() {
		return inspectMade(spec, c.disks, c.scratch)
	}
	if c.snapshot == "" {
		if !spec.overlaid(c.snapshot) {
			return Inspect(spec)
		}
		return inspect(spec, c.scratch)
	}
	if _, err := os.Stat(c.snapshot); err == nil { // not yet, in a preview
		spec.Root = c.snapshot
	}
	return Inspect(spec)
}
