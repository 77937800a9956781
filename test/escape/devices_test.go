// SPDX-License-Identifier: Apache-2.0

package escape_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// device is one of the host's that is not for machines.
type device struct {
	kind         uint32
	major, minor uint32
	name         string
}

// devices are those of the kernel (Linux' Documentation/admin-guide/devices.txt) that an image maker would want.
func devices() []device {
	const c, b = unix.S_IFCHR, unix.S_IFBLK
	return []device{
		{c, 1, 1, "mem"}, {c, 1, 2, "kmem"}, {c, 1, 4, "port"}, {c, 1, 11, "kmsg"}, {c, 4, 0, "tty0"}, {c, 4, 64, "ttyS0"}, {c, 5, 1, "console"},
		{c, 7, 0, "vcs"}, {c, 10, 1, "psaux"}, {c, 10, 183, "hwrng"}, {c, 10, 223, "uinput"}, {c, 10, 232, "kvm"}, {c, 10, 237, "loop-control"},
		{c, 10, 238, "vhost-net"}, {c, 10, 236, "device-mapper"}, {c, 10, 234, "btrfs-control"}, {c, 13, 64, "input"}, {c, 21, 0, "sg0"},
		{c, 29, 0, "fb0"}, {c, 89, 0, "i2c"}, {c, 116, 1, "snd"}, {c, 226, 0, "dri"}, {c, 254, 0, "rtc"}, {c, 108, 0, "ppp"}, {c, 203, 0, "cpu"}, {c, 202, 0, "msr"},
		{b, 1, 0, "ram0"}, {b, 7, 0, "loop0"}, {b, 7, 1, "loop1"}, {b, 8, 0, "sda"}, {b, 9, 0, "md0"}, {b, 11, 0, "sr0"}, {b, 43, 0, "nbd0"}, {b, 179, 0, "mmc"},
		{b, 252, 0, "vda"}, {b, 253, 0, "dm-0"}, {b, 254, 0, "vda-old"}, {b, 259, 0, "nvme"},
	}
}

// granted are those that every machine has.
func granted() []device {
	const c = unix.S_IFCHR
	return []device{{c, 1, 3, "null"}, {c, 1, 5, "zero"}, {c, 1, 7, "full"}, {c, 1, 8, "random"}, {c, 1, 9, "urandom"}}
}

// The machine's cgroup keeps it from devices that are not granted, though its image has their nodes with all permissions; and that it makes
// none its user namespace sees to.
func TestDevices(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.nodes(t)
		t.Run("command", func(t *testing.T) { h.run(t, nil, "devices") })
		t.Run("in-users", func(t *testing.T) { h.run(t, nil, "in-users", "devices") })
		t.Run("service", func(t *testing.T) {
			h.start(t, "prey")
			judge(t, h.order(t, "prey", "devices"))
		})
	})
}

// nodes puts nodes of all devices into the image.
func (h *host) nodes(t *testing.T) {
	var script strings.Builder
	script.WriteString("cd /var/lib/machines/prey; rm -rf nodes; mkdir nodes; cd nodes\n")
	for _, d := range append(devices(), granted()...) {
		fmt.Fprintf(&script, "mknod -m 666 %s %s %d %d\n", d.name, letter(d.kind), d.major, d.minor)
	}
	h.Sh(t, script.String())
	t.Cleanup(func() { h.Sh(t, `rm -rf /var/lib/machines/prey/nodes`) })
}

func letter(kind uint32) string {
	if kind == unix.S_IFBLK {
		return "b"
	}
	return "c"
}

// attackDevices opens nodes that came with the image. What the kernel has not is refused in another way; null shows that nodes in the image
// can be opened at all.
func attackDevices(r *record, _ []string) {
	refused := []error{unix.EPERM, unix.EACCES}
	for _, d := range granted() {
		fd, err := unix.Open("/nodes/"+d.name, unix.O_RDWR|unix.O_NONBLOCK, 0)
		r.control(err, "open %s of the image", d.name)
		if err == nil {
			unix.Close(fd)
		}
	}
	for _, d := range devices() {
		for name, flags := range map[string]int{"read": unix.O_RDONLY, "write": unix.O_WRONLY, "change": unix.O_RDWR} {
			fd, err := unix.Open("/nodes/"+d.name, flags|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
			r.denied(err, refused, "%s %s (%s %d:%d) of the image", name, d.name, letter(d.kind), d.major, d.minor)
			if err == nil {
				unix.Close(fd)
			}
		}
	}
	attackNodes(r, nil)
}

// attackNodes makes nodes, where the machine may write and on a file system of its own.
func attackNodes(r *record, _ []string) {
	_ = os.MkdirAll("/tmp/nodes", 0o755)
	r.control(unix.Mkfifo("/tmp/nodes/fifo", 0o600), "make a fifo")
	_ = os.Remove("/tmp/nodes/fifo")
	if err := unix.Mount("tmpfs", "/tmp/nodes", "tmpfs", 0, ""); err != nil {
		r.note("mount a tmpfs: %v", err)
	}
	wanted := devices() // the cgroup keeps from these
	if ownUsers() {
		wanted = append(wanted, granted()...) // the user namespace from any
	}
	for _, dir := range []string{"/tmp/nodes", "/dev", "/run", "/root", "/dev/shm"} {
		for _, d := range wanted {
			path := filepath.Join(dir, "escape-"+d.name)
			err := unix.Mknod(path, d.kind|0o666, int(unix.Mkdev(d.major, d.minor)))
			if err == nil {
				r.broken("%s can be made", path)
				_ = os.Remove(path)
			} else if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
				r.broken("make %s: not tried, but failed: %v", path, err)
			}
		}
		r.held("no device can be made in %s", dir)
	}
	// 0:0 is no device, but what overlays use; everybody may make it.
	detach("/tmp/nodes")()
}
