// SPDX-License-Identifier: Apache-2.0

package escape_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"machined-go/boot/mount"
)

// hidden are the files of /proc that are not for a machine, sealed what it may read but not change.
func hidden() []string {
	return []string{"/proc/kallsyms", "/proc/kcore", "/proc/keys", "/proc/kmsg", "/proc/sysrq-trigger", "/proc/timer_list",
		"/proc/latency_stats", "/proc/sched_debug"}
}

func sealed() []string {
	return []string{"/proc/sys", "/proc/acpi", "/proc/apm", "/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/scsi",
		"/proc/sys/kernel/random/boot_id", "/run/host", "/run/host/os-release",
		"/sys", "/sys/block", "/sys/bus", "/sys/class", "/sys/dev", "/sys/devices", "/sys/kernel"}
}

// Every mask that a machine gets is one that is tried here, and the other way round.
func TestEveryMaskIsTried(t *testing.T) {
	tried := append(hidden(), sealed()...)
	var made []string
	for _, op := range mount.Table(mount.Options{OSRelease: "/etc/os-release"}) {
		switch o := op.(type) {
		case mount.Bind:
			if o.Attr&unix.MOUNT_ATTR_RDONLY != 0 {
				made = append(made, o.Target)
			}
			if hides := o.Source == "/run/host/inaccessible/reg"; hides != slices.Contains(hidden(), o.Target) {
				t.Errorf("%s: hidden: %v", o.Target, hides)
			}
		case mount.Sysfs:
			for _, d := range o.Dirs {
				made = append(made, "/sys/"+d)
			}
		case mount.Seal:
			made = append(made, o.Target)
		}
	}
	slices.Sort(tried)
	slices.Sort(made)
	if !slices.Equal(made, tried) {
		t.Errorf("masks made:\n%q\ntried:\n%q", made, tried)
	}
}

// Guest root tries to lift each mask, as he is, from a mount namespace of his own, and from a user namespace of his own.
func TestMasks(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		for _, name := range slices.Sorted(maps.Keys(contexts())) {
			t.Run(name, func(t *testing.T) { h.run(t, nil, name, "masks") })
		}
		t.Run("service", func(t *testing.T) {
			h.start(t, "prey")
			judge(t, h.order(t, "prey", "masks"))
		})
	})
}

func attackMasks(r *record, _ []string) {
	runtime.LockOSThread() // mounts that the attacker makes are this thread's
	for _, dir := range []string{"/tmp/a", "/tmp/b"} {
		r.control(os.MkdirAll(dir, 0o755), "make %s", dir)
	}
	r.control(lift(func() error { return unix.Mount("tmpfs", "/tmp/a", "tmpfs", 0, "") }, "/tmp/a"), "mount and unmount a tmpfs")
	r.control(lift(func() error { return unix.Mount("/home", "/tmp/a", "", unix.MS_BIND, "") }, "/tmp/a"), "bind and unmount a directory")
	for _, path := range hidden() {
		liftMask(r, path, unhidden)
	}
	for _, path := range sealed() {
		liftMask(r, path, writable)
	}
	mountAnew(r)
}

// lift does something and takes what is mounted away again.
func lift(do func() error, path string) error {
	if err := do(); err != nil {
		return err
	}
	return unix.Unmount(path, unix.MNT_DETACH)
}

// How many files are looked at in what is sealed: at first, and after each attempt.
const (
	thorough = 3000
	brief    = 40
)

// liftMask tries all ways to get rid of what is mounted on a path. The look says what can be seen then that should not be.
func liftMask(r *record, path string, look func(path string, most int) error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		r.note("%s is not on this kernel", path)
		return
	}
	if err := look(path, thorough); err != nil {
		r.broken("%s: %v", path, err)
		return
	}
	var gave []string
	for _, way := range ways(path) {
		err := way.do()
		if err == nil && !way.harmless {
			r.broken("%s: %s: it can be done", path, way.name)
		}
		if mounted(way.where) {
			if seen := look(way.where, brief); seen != nil {
				r.broken("%s: after %s (%v): %v", path, way.name, err, seen)
			}
		}
		if way.undo != nil {
			way.undo()
		}
		if seen := look(path, brief); seen != nil {
			r.broken("%s: after %s (%v): %v", path, way.name, err, seen)
		}
		gave = append(gave, fmt.Sprintf("%s: %v", way.name, err))
	}
	r.held("%s: %d ways: %s", path, len(gave), strings.Join(gave, "; "))
}

// mounted tells whether there is a mount on a path that was made for this, or the path is on one.
func mounted(path string) bool {
	return path != "" && mountID(path) != 0 && mountID(path) != mountID("/tmp")
}

// way is a way to lift a mask.
type way struct {
	name     string
	do       func() error
	where    string // a path at which the mask is to be looked then besides
	harmless bool   // it may be done, as long as nothing is seen
	undo     func()
}

func ways(path string) []way {
	const bind = unix.MS_BIND | unix.MS_REMOUNT
	writable := &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOSUID}
	parent := filepath.Dir(path)
	list := []way{
		{name: "unmount", do: func() error { return unix.Unmount(path, 0) }},
		{name: "detach", do: func() error { return unix.Unmount(path, unix.MNT_DETACH) }},
		{name: "force", do: func() error { return unix.Unmount(path, unix.MNT_FORCE) }},
		{name: "expire", do: func() error {
			_ = unix.Unmount(path, unix.MNT_EXPIRE)
			return unix.Unmount(path, unix.MNT_EXPIRE)
		}},
		{name: "detach what is above", do: func() error { return unix.Unmount(parent, unix.MNT_DETACH) }},
		{name: "remount bind writable", do: func() error { return unix.Mount("", path, "", bind, "") }},
		{name: "remount writable", do: func() error { return unix.Mount("", path, "", unix.MS_REMOUNT, "") }},
		{name: "mount_setattr", do: func() error { return unix.MountSetattr(unix.AT_FDCWD, path, 0, writable) }},
		{name: "mount_setattr above, recursive", do: func() error {
			return unix.MountSetattr(unix.AT_FDCWD, parent, unix.AT_RECURSIVE, writable)
		}},
		{name: "move", do: func() error { return unix.Mount(path, target(path), "", unix.MS_MOVE, "") }},
		{name: "move_mount", do: func() error { return unix.MoveMount(unix.AT_FDCWD, path, unix.AT_FDCWD, target(path), 0) }},
		{name: "make private, detach", do: func() error {
			_ = unix.Mount("", path, "", unix.MS_PRIVATE, "")
			return unix.Unmount(path, unix.MNT_DETACH)
		}},
		{name: "make slave, move", do: func() error {
			_ = unix.Mount("", path, "", unix.MS_SLAVE, "")
			return unix.Mount(path, target(path), "", unix.MS_MOVE, "")
		}},
	}
	list = append(list, copies(path)...)
	return append(list, below(path, parent)...)
}

// target is a place to mount what is at the path on.
func target(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "/tmp/a"
	}
	_ = os.WriteFile("/tmp/file", nil, 0o644)
	return "/tmp/file"
}

func detach(paths ...string) func() {
	return func() {
		for _, path := range paths {
			for unix.Unmount(path, unix.MNT_DETACH) == nil {
			}
		}
	}
}

// copies of the mask may be made, but are as tight.
func copies(path string) []way {
	to := target(path)
	clear := &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}
	return []way{
		{name: "bind, remount writable", where: to, undo: detach(to), do: func() error {
			if err := unix.Mount(path, to, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
				return err
			}
			return unix.Mount("", to, "", unix.MS_REMOUNT|unix.MS_BIND, "")
		}},
		{name: "open_tree, mount_setattr", where: to, undo: detach(to), do: func() error {
			fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.AT_RECURSIVE)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			one, all := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, clear), unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, clear)
			_ = unix.MoveMount(fd, "", unix.AT_FDCWD, to, unix.MOVE_MOUNT_F_EMPTY_PATH)
			if one == nil || all == nil {
				return nil
			}
			return errors.Join(one, all)
		}},
	}
}

// below are ways to see what is under the mask, by a copy of the mount that it lies on.
func below(path, parent string) []way {
	base := filepath.Base(path)
	rest := "/tmp/a/" + base
	if strings.HasPrefix(path, "/proc/") {
		parent, rest = "/proc", "/tmp/a"+strings.TrimPrefix(path, "/proc")
	}
	return []way{
		{name: "bind what is above", where: rest, undo: detach("/tmp/a"), do: func() error {
			return unix.Mount(parent, "/tmp/a", "", unix.MS_BIND, "")
		}},
		{name: "open_tree what is above", where: rest, undo: detach("/tmp/a"), do: func() error {
			fd, err := unix.OpenTree(unix.AT_FDCWD, parent, unix.OPEN_TREE_CLONE)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return unix.MoveMount(fd, "", unix.AT_FDCWD, "/tmp/a", unix.MOVE_MOUNT_F_EMPTY_PATH)
		}},
		{name: "bind all, detach in the copy", where: rest, undo: detach("/tmp/a"), do: func() error {
			if err := unix.Mount(parent, "/tmp/a", "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
				return err
			}
			_ = unix.Mount("", "/tmp/a", "", unix.MS_PRIVATE|unix.MS_REC, "")
			return unix.Unmount(rest, unix.MNT_DETACH)
		}},
		{name: "mount over it", harmless: true, undo: detach(path), do: func() error {
			if target(path) == "/tmp/a" {
				return unix.Mount("tmpfs", path, "tmpfs", 0, "")
			}
			return unix.Mount("/tmp/file", path, "", unix.MS_BIND, "")
		}},
	}
}

// unhidden says what can be seen of a file that is hidden.
func unhidden(path string, _ int) error {
	var kind unix.Statfs_t
	if err := unix.Statfs(path, &kind); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if kind.Type == unix.PROC_SUPER_MAGIC {
		return errors.New("it is the kernel's own")
	}
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		if n, _ := io.ReadFull(f, make([]byte, 1)); n > 0 {
			return errors.New("it can be read")
		}
	}
	var st, mask unix.Stat_t
	if errors.Join(unix.Stat(path, &st), unix.Stat("/run/host/inaccessible/reg", &mask)) == nil && st.Dev == mask.Dev && st.Ino == mask.Ino {
		if fd, err := unix.Open(path, unix.O_WRONLY, 0); err == nil {
			unix.Close(fd)
			return errors.New("the mask can be written")
		}
	}
	return nil
}

// writable names a file at or below path that can be opened for writing, of the first most.
func writable(path string, most int) error {
	var kind unix.Statfs_t
	if err := unix.Statfs(path, &kind); err != nil {
		return err
	}
	if kind.Flags&unix.ST_RDONLY == 0 {
		return errors.New("it is not read-only")
	}
	seen := 0
	var found error
	_ = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		seen++
		switch {
		case seen > most || found != nil:
			return filepath.SkipAll
		case err != nil:
			return nil
		case d.IsDir() && (strings.HasSuffix(name, "/sys/net") || name == "/sys/fs/cgroup" || strings.HasSuffix(name, "/a/fs/cgroup")):
			return filepath.SkipDir // are the machine's own
		case d.IsDir():
			made := filepath.Join(name, "made")
			if unix.Mkdir(made, 0o755) == nil {
				found = fmt.Errorf("%s can be made", made)
			}
		case d.Type().IsRegular():
			if opens(name) {
				found = fmt.Errorf("%s can be written", name)
			}
		}
		return nil
	})
	return found
}

// opens tells whether a file can be opened for writing. What shows a terminal is one of the attacker's own.
func opens(name string) bool {
	fd, err := unix.Open(name, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var kind unix.Statfs_t
	return unix.Fstatfs(fd, &kind) != nil || kind.Type != unix.DEVPTS_SUPER_MAGIC
}

// mountAnew tries to get a proc or sysfs without masks, and the file systems in which a kernel shows itself.
func mountAnew(r *record) {
	for _, kind := range []string{"proc", "sysfs"} {
		for _, options := range []string{"", "subset=pid", "hidepid=2"} {
			err := unix.Mount(kind, "/tmp/b", kind, 0, options)
			revealed(r, err, fmt.Sprintf("mount a new %s (%s)", kind, options))
		}
		revealed(r, fsmount(kind), "fsmount a new "+kind)
	}
	for _, kind := range []string{"debugfs", "tracefs", "securityfs", "configfs", "pstore", "efivarfs", "devtmpfs", "selinuxfs"} {
		err := unix.Mount(kind, "/tmp/b", kind, 0, "")
		r.denied(err, []error{unix.EPERM, unix.ENODEV}, "mount %s", kind)
		detach("/tmp/b")()
	}
	r.denied(pivotAway(), []error{unix.EPERM}, "leave the root, and mount a new proc")
}

// revealed looks into a new proc or sysfs on /tmp/b; one that shows but processes is no harm.
func revealed(r *record, err error, what string) {
	defer detach("/tmp/b")()
	if err != nil {
		r.held("%s: %v", what, err)
		return
	}
	for _, name := range []string{"kallsyms", "kcore", "sysrq-trigger", "sys", "kernel", "devices"} {
		if _, err := os.Lstat("/tmp/b/" + name); err == nil {
			r.broken("%s: it has %s", what, name)
			return
		}
	}
	r.held("%s: nothing but processes is in it", what)
}

func fsmount(kind string) error {
	fd, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.FsconfigCreate(fd); err != nil {
		return err
	}
	tree, err := unix.Fsmount(fd, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	return unix.MoveMount(tree, "", unix.AT_FDCWD, "/tmp/b", unix.MOVE_MOUNT_F_EMPTY_PATH)
}

// pivotAway makes a tmpfs the root, drops what was it, with all masks, and mounts a new proc where there is none any more. It comes last,
// in a mount namespace of its own.
func pivotAway() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("not tried: %v", err)
	}
	for _, step := range []func() error{
		func() error { return unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, "") },
		func() error { return unix.Mount("tmpfs", "/tmp/a", "tmpfs", 0, "") },
		func() error { return os.MkdirAll("/tmp/a/old", 0o755) },
		func() error { return os.MkdirAll("/tmp/a/proc", 0o755) },
		func() error { return unix.PivotRoot("/tmp/a", "/tmp/a/old") },
		func() error { return unix.Chdir("/") },
		func() error { return unix.Unmount("/old", unix.MNT_DETACH) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("not tried: %v", err)
		}
	}
	return unix.Mount("proc", "/proc", "proc", 0, "")
}
