// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot/mount"
	"machined-go/boot/sys"
)

// born are the namespaces that a leader can be born into. Its cgroup namespace comes later, its time namespace is its parent's
// children's, and its mount namespace is the builder's or a copy of that.
const born = unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

// forkContainer is fork of a container's leader, in the namespaces that the container makes or joins. Mounts of the host go on to
// reach the builder, for a container may ask for that.
func (b *builder) forkContainer() (*sys.Child, error) {
	c := b.plan.Spec.Container
	if err := sys.Propagate("/", unix.MS_SLAVE); err != nil {
		return nil, err
	}
	j, err := b.join(c)
	defer j.close()
	if err != nil {
		return nil, err
	}
	flags := uintptr(0)
	for _, n := range c.Namespaces {
		if n.Path == "" {
			flags |= uintptr(n.Flag) & born
		}
	}
	leader, err := sys.Fork(flags, 3, containerProgram(b.plan, b.word, j, b.tell))
	if err != nil {
		return nil, err
	}
	if c.makes(unix.CLONE_NEWUSER) {
		err = b.plan.IDs.Write(leader.PID)
	}
	if err != nil {
		return nil, errors.Join(err, end(leader))
	}
	return leader, nil
}

// join enters the namespaces that are there already, as far as a thread can.
func (b *builder) join(c *Container) (j joined, err error) {
	for _, n := range c.Namespaces {
		if n.Path == "" {
			continue
		}
		f, err := os.Open(n.Path)
		if err != nil {
			return j, fmt.Errorf("join %s namespace: %w", n.Kind, err)
		}
		switch n.Flag {
		case unix.CLONE_NEWUSER:
			j.users = f
		case unix.CLONE_NEWTIME:
			j.time = f
		default:
			err = unix.Setns(int(f.Fd()), n.Flag)
			f.Close()
			if errors.Is(err, unix.EINVAL) {
				return j, fmt.Errorf("join %s namespace: %q is none", n.Kind, n.Path)
			}
			if err != nil {
				return j, fmt.Errorf("join %s namespace %q: %w", n.Kind, n.Path, err)
			}
		}
	}
	if c.Rights.labelled() {
		if j.proc, err = os.Open("/proc"); err != nil {
			return j, err
		}
	}
	if !c.makes(unix.CLONE_NEWTIME) {
		return j, nil
	}
	err = sys.Unshare(unix.CLONE_NEWTIME)
	if errors.Is(err, unix.EINVAL) {
		return j, errors.New("this kernel has no time namespaces")
	}
	if err != nil {
		return j, fmt.Errorf("make time namespace: %w", err)
	}
	return j, setOffsets(c.Offsets)
}

// setOffsets sets the clocks of the time namespace that the thread's children are born into.
func setOffsets(offsets []TimeOffset) error {
	if len(offsets) == 0 {
		return nil
	}
	var text strings.Builder
	for _, o := range offsets {
		fmt.Fprintf(&text, "%s %d %d\n", o.Clock, o.Seconds, o.Nanoseconds)
	}
	// The file is not in /proc/thread-self, but in the folder that a thread has beside those of processes (fs/proc/base.c).
	name := fmt.Sprintf("/proc/%d/timens_offsets", unix.Gettid())
	if err := os.WriteFile(name, []byte(text.String()), 0); err != nil {
		return fmt.Errorf("set clocks of the time namespace: %w", err)
	}
	return nil
}

// buildContainer is the rest of build for a container. With hooks that come before its root is one, that is for later.
func (b *builder) buildContainer(leader *sys.Child) error {
	root, err := b.containerMounts(leader)
	if err != nil {
		return err
	}
	b.finish = func() error {
		defer unix.Close(root)
		if err := sys.PivotTo(root); err != nil {
			return err
		}
		return b.word.give()
	}
	if b.plan.Spec.Container.Hooks.early() {
		return nil
	}
	return b.finish()
}

// prepareForHooks makes what a container's hooks need.
func (b *builder) prepareForHooks() (err error) {
	c := b.plan.Spec.Container
	if c == nil && b.plan.Spec.hasUser() {
		b.work = make(chan func())
	}
	if c == nil {
		return nil
	}
	b.work = make(chan func())
	if len(c.Hooks.StartContainer) > 0 {
		b.told, b.tell, err = os.Pipe()
	}
	return err
}

// onThread does something on the builder's thread, which has built by then.
func (b *builder) onThread(f func() error) error {
	done := make(chan error)
	b.work <- func() { done <- f() }
	return <-done
}

// serve does so until the start is over.
func (b *builder) serve() {
	for {
		select {
		case f := <-b.work:
			f()
		case <-b.released:
			for _, f := range []*os.File{b.tell, b.told} {
				if f != nil {
					f.Close()
				}
			}
			return
		}
	}
}

// containerMounts builds a container's root up to where it becomes the root, and returns it.
func (b *builder) containerMounts(leader *sys.Child) (root int, err error) {
	c := b.plan.Spec.Container
	if root, err = b.mountContainerRoot(leader.PID); err != nil {
		return -1, err
	}
	defer func() {
		if err != nil {
			unix.Close(root)
			root = -1
		}
	}()
	own := 0
	for _, flag := range []int{unix.CLONE_NEWNET, unix.CLONE_NEWIPC, unix.CLONE_NEWUTS, unix.CLONE_NEWPID} {
		if c.makes(flag) {
			own |= flag
		}
	}
	if own != 0 {
		if err := sys.Join(int(leader.PIDFD.Fd()), own); err != nil {
			return root, fmt.Errorf("join namespaces of the machine: %w", err)
		}
	}
	if c.makes(unix.CLONE_NEWNET) {
		if err := sys.LoopbackUp(); err != nil {
			return root, err
		}
	}
	if err := setSysctls(c.Sysctls); err != nil {
		return root, err
	}
	in := mount.Inputs{Owner: b.plan.Base, Users: -1, IDs: b.plan.IDs, Proc: mountProc, Console: b.console, Notify: b.notify}
	if err := mount.RootAt(root, in).Apply(b.plan.Mounts); err != nil {
		return root, err
	}
	return root, b.findProgram(root)
}

// mountContainerRoot mounts the root over itself, as it is, or ID-mapped if the ids were ours to choose.
func (b *builder) mountContainerRoot(pid int) (int, error) {
	name, c := b.plan.Spec.Root, b.plan.Spec.Container
	dir, err := unix.Open(name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open root", Path: name, Err: err}
	}
	defer unix.Close(dir)
	tree, err := sys.CloneTree(dir, true)
	if err != nil {
		return -1, fmt.Errorf("bind root %q: %w", name, err)
	}
	attr := unix.MountAttr{Propagation: unix.MS_PRIVATE}
	if c.Spread&^unix.MS_REC == unix.MS_SLAVE {
		attr.Propagation = 0 // they are by now
	}
	if c.picks() {
		users, err := sys.UsersOf(pid)
		if err != nil {
			unix.Close(tree)
			return -1, fmt.Errorf("open user namespace of the machine: %w", err)
		}
		defer unix.Close(users)
		attr.Attr_set, attr.Userns_fd = unix.MOUNT_ATTR_IDMAP, uint64(users)
	}
	if attr != (unix.MountAttr{}) {
		err = sys.SetMountAttr(tree, true, attr)
	}
	if err == nil {
		err = sys.Attach(tree, dir)
	}
	if err != nil {
		unix.Close(tree)
		return -1, fmt.Errorf("mount root %q: %w", name, err)
	}
	return tree, nil
}

// setSysctls sets what the namespaces that the thread is in have for themselves.
func setSysctls(list []Sysctl) error {
	if len(list) == 0 {
		return nil
	}
	dir, err := os.OpenRoot("/proc/sys")
	if err != nil {
		return err
	}
	defer dir.Close()
	for _, s := range list {
		f, err := dir.OpenFile(s.Path, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString(s.Value)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			return fmt.Errorf("set %s to %q: %w", strings.ReplaceAll(s.Path, "/", "."), s.Value, err)
		}
	}
	return nil
}

// findProgram looks for the container's program now that all mounts are there, so that it can be said what is wrong.
func (b *builder) findProgram(root int) error {
	missing := error(fs.ErrNotExist)
	for _, name := range b.plan.paths() {
		if !path.IsAbs(name) {
			name = path.Join(b.plan.Spec.Container.Process.Dir, name)
		}
		_, err := executable(root, name)
		if err == nil {
			return nil
		}
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			missing = err
		}
	}
	return &CommandError{Path: b.plan.Path, Err: missing}
}
