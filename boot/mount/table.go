// SPDX-License-Identifier: Apache-2.0

package mount

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Options are what differs between the mount trees of two machines.
type Options struct {
	Owner     uint32 // host uid and gid of the machine's root
	BootID    string // with dashes
	MachineID string // with dashes
	Manager   string // value of $container
	OSRelease string // path of the host's os-release
	Console   bool   // whether there is a console PTY
	ReadOnly  bool   // whether the root is
	Base      []Op   // make the root
	Custom    []Op   // are done when all that every machine has is there

	HostNetwork bool // whether the machine has no network of its own
	Nesting     bool // whether machines and containers can be run in it
	Journal     bool // whether it sends its journal to the host
}

const (
	quiet = unix.MS_NOSUID | unix.MS_NODEV
	none  = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
)

// Table lists what systemd-nspawn of systemd 257 mounts for a booted tree with a network of its own (src/nspawn/nspawn-mount.c),
// but made all in the host's user namespace, so that none of it can be undone from inside.
func Table(o Options) []Op {
	var ops []Op
	ops = append(ops, o.Base...)
	for _, part := range []func(Options) []Op{apiMounts, devices, hostDir, procMasks} {
		ops = append(ops, part(o)...)
	}
	if o.Nesting {
		ops = append(ops, pristine()...)
	}
	return append(append(ops, o.Custom...), seals(o)...)
}

func (o Options) tmpfs(target, options string, flags uintptr) FS {
	return FS{Type: "tmpfs", Target: target, Flags: flags, Options: fmt.Sprintf("%s,uid=%d,gid=%d", options, o.Owner, o.Owner)}
}

func apiMounts(o Options) []Op {
	ops := []Op{
		Proc{"/proc"},
		o.tmpfs("/tmp", "mode=1777,size=10%,nr_inodes=400k", quiet|unix.MS_STRICTATIME),
		o.tmpfs("/run", "mode=755,size=20%,nr_inodes=800k", quiet|unix.MS_STRICTATIME),
	}
	if o.HostNetwork {
		return append(ops, FS{Type: "sysfs", Target: "/sys", Flags: none})
	}
	return append(ops,
		o.tmpfs("/sys", "mode=755,size=4m,nr_inodes=1k", none),
		Sysfs{Dirs: []string{"block", "bus", "class", "dev", "devices", "kernel"}},
		Dir{Path: "/sys/fs", Mode: 0o755},
		Dir{Path: "/sys/fs/cgroup", Mode: 0o755},
	)
}

func devices(o Options) []Op {
	ops := []Op{
		o.tmpfs("/dev", "mode=755,size=4m,nr_inodes=64k", unix.MS_NOSUID|unix.MS_STRICTATIME),
		Dir{Path: "/dev/char", Mode: 0o755},
		Dir{Path: "/dev/net", Mode: 0o755},
		FS{
			Type: "devpts", Target: "/dev/pts", Flags: unix.MS_NOSUID | unix.MS_NOEXEC,
			Options: fmt.Sprintf("newinstance,ptmxmode=0666,mode=620,uid=%d,gid=%d", o.Owner, o.Owner+ttyGID),
		},
		o.tmpfs("/dev/shm", "mode=1777,size=10%,nr_inodes=400k", quiet|unix.MS_STRICTATIME),
		FS{Type: "mqueue", Target: "/dev/mqueue", Flags: none},
		Symlink{"/dev/ptmx", "pts/ptmx"},
		Symlink{"/dev/fd", "/proc/self/fd"},
		Symlink{"/dev/stdin", "/proc/self/fd/0"},
		Symlink{"/dev/stdout", "/proc/self/fd/1"},
		Symlink{"/dev/stderr", "/proc/self/fd/2"},
		Symlink{"/dev/core", "/proc/kcore"},
	}
	for _, d := range deviceTable {
		ops = append(ops,
			Node{Path: "/dev/" + d.name, Mode: unix.S_IFCHR | 0o666, Major: d.major, Minor: d.minor, Optional: d.optional, Host: "/dev/" + d.name},
			Symlink{fmt.Sprintf("/dev/char/%d:%d", d.major, d.minor), "../" + d.name})
	}
	if o.Console {
		ops = append(ops, Console{})
	}
	return ops
}

// ttyGID is group "tty" of every distribution, which systemd too takes for granted (meson option tty-gid).
const ttyGID = 5

// deviceTable has the numbers of Linux' Documentation/admin-guide/devices.txt.
var deviceTable = []struct {
	name         string
	major, minor uint32
	optional     bool
}{
	{"null", 1, 3, false}, {"zero", 1, 5, false}, {"full", 1, 7, false}, {"random", 1, 8, false}, {"urandom", 1, 9, false},
	{"tty", 5, 0, false}, {"net/tun", 10, 200, true}, {"fuse", 10, 229, true},
}

// hostDir fills /run/host, the container interface's place for what the host tells its guest (systemd.io/CONTAINER_INTERFACE).
func hostDir(o Options) []Op {
	const dir = inaccessible
	ops := []Op{
		Dir{Path: "/run/host", Mode: 0o755},
		File{Path: "/run/host/container-manager", Content: o.Manager + "\n", Mode: 0o644},
		File{Path: "/run/host/container-uuid", Content: o.MachineID + "\n", Mode: 0o644},
		Dir{Path: dir, Mode: 0o755},
		Node{Path: dir + "/reg", Mode: unix.S_IFREG, HostOwned: true},
		Node{Path: dir + "/fifo", Mode: unix.S_IFIFO, HostOwned: true},
		Node{Path: dir + "/sock", Mode: unix.S_IFSOCK, HostOwned: true},
		Node{Path: dir + "/chr", Mode: unix.S_IFCHR, HostOwned: true, Optional: true},
		Node{Path: dir + "/blk", Mode: unix.S_IFBLK, HostOwned: true, Optional: true},
		Dir{Path: dir + "/dir", Mode: 0, HostOwned: true},
		Node{Path: "/run/host/os-release", Mode: unix.S_IFREG | 0o444, HostOwned: true},
		Notify{"/run/host/notify"},
	}
	if o.Journal {
		ops = append(ops, Dir{Path: "/run/host/journal", Mode: 0o755}, Listen{"/run/host/journal/socket"})
	}
	return append(ops,
		Bind{Source: "/run/host", Target: "/run/host", Inside: true},
		Bind{Source: o.OSRelease, Target: "/run/host/os-release", Attr: ReadOnly, Optional: true},
	)
}

// procMasks hides or seals what of /proc speaks of the host, and gives the machine a boot id of its own: journalctl -b and
// journald tell boots apart by it.
func procMasks(o Options) []Op {
	const bootID = "/run/.boot-id"
	ops := []Op{
		Bind{Source: "/proc/sys", Target: "/proc/sys", Inside: true, Attr: ReadOnly},
	}
	if !o.HostNetwork {
		ops = append(ops, Bind{Source: "/proc/sys/net", Target: "/proc/sys/net", Inside: true, Writable: true})
	}
	for _, name := range []string{"kallsyms", "kcore", "keys", "kmsg", "sysrq-trigger", "timer_list", "latency_stats", "sched_debug"} {
		ops = append(ops, Bind{Source: "/run/host/inaccessible/reg", Target: "/proc/" + name, Inside: true, Attr: ReadOnly, Optional: true})
	}
	for _, name := range []string{"acpi", "apm", "asound", "bus", "fs", "irq", "scsi"} {
		ops = append(ops, Bind{Source: "/proc/" + name, Target: "/proc/" + name, Inside: true, Attr: ReadOnly, Optional: true})
	}
	return append(ops,
		File{Path: bootID, Content: o.BootID + "\n", Mode: 0o444},
		Bind{Source: bootID, Target: "/proc/sys/kernel/random/boot_id", Inside: true, Attr: ReadOnly},
		Remove{bootID},
	)
}

// seals make read-only what is filled now.
func seals(o Options) []Op {
	ops := []Op{Seal{Target: "/sys", Attr: ReadOnly}, Seal{Target: "/run/host", Attr: ReadOnly}}
	if o.ReadOnly {
		ops = append(ops, Seal{Target: "/", Attr: unix.MOUNT_ATTR_RDONLY})
	}
	return ops
}
