// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"machined-go/boot"
	"machined-go/boot/bundle"
	"machined-go/boot/sys"
	"machined-go/boot/userns"
	trees "machined-go/machine/tree"
)

// ociWriter writes a bundle.
type ociWriter struct {
	plan      *boot.Plan
	dir       string
	reference bool

	owner  uint32 // to whom the first of the tree's ids belongs as it is
	layout bundle.Layout
	notes  []bundle.Note
}

func (w *ociWriter) write(ctx context.Context) error {
	if err := w.choose(); err != nil {
		return err
	}
	config, notes, err := bundle.Make(w.plan, w.layout, bundle.ThisHost{Root: w.plan.Spec.Root})
	if err != nil {
		return err
	}
	w.notes = append(w.notes, notes...)
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	undo, err := w.makeDir()
	if err != nil {
		return err
	}
	if !w.reference {
		err = w.copy(ctx)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(w.dir, bundle.ConfigName), append(text, '\n'), 0o600)
	}
	if err != nil {
		undo()
	}
	return err
}

// choose decides whose the files are.
func (w *ociWriter) choose() error {
	s := w.plan.Spec
	var st unix.Stat_t
	if err := unix.Stat(s.Root, &st); err != nil {
		return &os.PathError{Op: "stat", Path: s.Root, Err: err}
	}
	w.owner, _ = userns.BaseOf(st.Uid, st.Gid)
	if s.Users.Namespace == "range" && st.Uid == s.Users.Base {
		w.owner = st.Uid // such a range may begin anywhere
	}
	w.layout.Root = bundle.RootName
	base, count := w.owner, uint32(userns.Size)
	switch {
	case w.reference:
		w.layout.Root = s.Root
		if base == 0 && s.Users.Namespace != "no" && s.Users.Namespace != "identity" {
			w.notes = append(w.notes, bundle.Note{Path: "users.namespace", What: "a runtime cannot shift the ids of a tree: root inside is root of the host to files"})
		}
	case s.Users.Namespace == "no" || s.Users.Namespace == "identity":
		base = 0
	case s.Users.Namespace == "range":
		base, count = s.Users.Base, cmp.Or(s.Users.Count, count)
	default:
		r, err := userns.Pick(w.dir, 0, sys.Lock)
		if err != nil {
			return err
		}
		base = r.Base
		r.Release() // nobody runs in it yet
	}
	if s.Users.Namespace == "no" {
		return nil
	}
	all := []sys.IDMap{{Inside: 0, Outside: base, Count: count}}
	w.layout.IDs = &sys.IDMaps{Users: all, Groups: all}
	return nil
}

// makeDir makes the bundle's folder, into which none but root and the container's root may go.
func (w *ociWriter) makeDir() (undo func(), err error) {
	undo = func() {}
	switch err = os.Mkdir(w.dir, 0o700); {
	case errors.Is(err, os.ErrExist):
		list, err := os.ReadDir(w.dir)
		if err != nil {
			return undo, err
		}
		if len(list) > 0 {
			return undo, errors.New("the folder is there and not empty: name another with --output")
		}
	case err != nil:
		return undo, err
	default:
		undo = func() { _ = os.Remove(w.dir) }
	}
	remove := undo
	undo = func() {
		if dir, err := os.Open(w.dir); err == nil {
			_ = trees.Remove(context.Background(), trees.Place{Dir: int(dir.Fd()), Name: bundle.RootName})
			dir.Close()
		}
		_ = os.Remove(filepath.Join(w.dir, bundle.ConfigName))
		remove()
	}
	gid, _ := w.layout.IDs.Group(0)
	err = os.Chown(w.dir, 0, int(gid))
	if err == nil {
		err = os.Chmod(w.dir, 0o710)
	}
	if err != nil {
		undo()
	}
	return undo, err
}

// copy copies the tree, out of a mount that shows its ids shifted, so that the kernel shifts those in attributes too.
func (w *ociWriter) copy(ctx context.Context) error {
	to, err := os.Open(w.dir)
	if err != nil {
		return err
	}
	defer to.Close()
	from, err := unix.Open(w.plan.Spec.Root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: w.plan.Spec.Root, Err: err}
	}
	defer unix.Close(from)
	shown, err := sys.CloneTree(from, false)
	if err != nil {
		return err
	}
	defer unix.Close(shown)
	base, _ := w.layout.IDs.User(0)
	if err := shift(shown, w.owner, base); err != nil {
		return err
	}
	return trees.Copy(ctx, trees.Place{Dir: shown, Name: "."}, trees.Place{Dir: int(to.Fd()), Name: bundle.RootName}, trees.Options{AllAttributes: true, OneMount: true})
}

// shift has a mount show the ids from one on as those from another on.
func shift(mount int, from, to uint32) error {
	if from == to {
		return nil
	}
	m := sys.IDMap{Inside: from, Outside: to, Count: userns.Size}
	users, err := sys.MakeUsers(m, m)
	if err != nil {
		return err
	}
	defer unix.Close(users)
	err = sys.SetMountAttr(mount, false, unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(users)})
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("shift the ids of the tree: its file system has no ID-mapped mounts, as ext4, xfs and btrfs do: %w", err)
	}
	return err
}
