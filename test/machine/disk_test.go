// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"runtime"
	"strings"
	"testing"
	"time"

	"machined-go/test/lab"
)

// partitionTypes are types of partitions (Discoverable Partitions Specification) by what they are for.
var partitionTypes = map[string]string{
	"root": forProcessor("4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "b921b045-1df0-41c3-af44-4c6f280d3fae"),
	"usr":  forProcessor("8484680c-9521-48c6-9c11-b0720656f69e", "b0e01050-ee5f-4390-949a-9101b17104e9"),
	"home": "933ac7e1-2eb4-4f13-b844-0e14e2aef915", "srv": "3b8f8425-20e0-4f3b-907f-1a25a76f98e8",
	"verity": forProcessor("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5", "df3300ce-d69f-4c92-978c-9bfb0f38d820"),
	"swap":   "0657fd6d-a4ab-43c4-84e5-09d33c8b4f4f",
}

func forProcessor(amd64, arm64 string) string {
	if runtime.GOARCH == "arm64" {
		return arm64
	}
	return amd64
}

// part is a partition of a disk image: a file, which is its content, and what it is for.
type part struct {
	use, file string
	mib       int
	flags     uint64
}

// disk makes the disk image NAME.raw of files in the lab, with a partition table, and removes it when the test ends.
func (h *host) disk(t testing.TB, name string, parts ...part) {
	t.Helper()
	h.removeDisk(t, name)
	const sector, mib = 512, 1 << 20
	le := binary.LittleEndian
	table := make([]byte, 128*128)
	at := 1
	script := "cd /var/lib/machines; rm -f $1.raw; truncate -s 0 $1.raw\n"
	for i, p := range parts {
		b := table[i*128:]
		g, _ := hex.DecodeString(strings.ReplaceAll(partitionTypes[p.use], "-", ""))
		copy(b, []byte{g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6]})
		copy(b[8:], g[8:])
		b[16] = byte(i + 1)
		le.PutUint64(b[32:], uint64(at*mib/sector))
		le.PutUint64(b[40:], uint64((at+p.mib)*mib/sector-1))
		le.PutUint64(b[48:], p.flags)
		if p.file != "" {
			script += fmt.Sprintf("dd status=none if=%s of=$1.raw bs=1M seek=%d conv=notrunc,sparse\n", p.file, at)
		}
		at += p.mib
	}
	header := make([]byte, sector)
	copy(header, "EFI PART\x00\x00\x01\x00")
	le.PutUint32(header[12:], 92)
	le.PutUint64(header[24:], 1)
	le.PutUint64(header[32:], uint64((at+1)*mib/sector-1))
	le.PutUint64(header[40:], 34)
	le.PutUint64(header[48:], uint64((at+1)*mib/sector-34))
	le.PutUint64(header[72:], 2)
	le.PutUint32(header[80:], 128)
	le.PutUint32(header[84:], 128)
	le.PutUint32(header[88:], crc32.ChecksumIEEE(table))
	le.PutUint32(header[16:], crc32.ChecksumIEEE(header[:92]))
	text := base64.StdEncoding.EncodeToString(append(header, table[:len(parts)*128]...))
	h.Sh(t, script+fmt.Sprintf("truncate -s %dM $1.raw; base64 -d <<<$2 | dd status=none of=$1.raw bs=512 seek=1 conv=notrunc", at+1), name, text)
}

// removeDisk ends a machine and removes its disk image when the test ends.
func (h *host) removeDisk(t testing.TB, name string) {
	t.Cleanup(func() {
		h.end(name)
		_, _, _ = h.Try(`rm -f /var/lib/machines/"$1".* /var/lib/machines/"$1"-*`, name)
	})
}

// fileSystem makes a file with an ext4 of a tree in it, whose files are the machine's root's.
func (h *host) fileSystem(t testing.TB, tree, file string, mib int) {
	t.Helper()
	h.Sh(t, `rm -f "$2"; mke2fs -q -t ext4 -d "$1" "$2" "$3"M`, tree, file, fmt.Sprint(mib))
	t.Cleanup(func() { _, _, _ = h.Try(`rm -f "$1"`, file) })
}

// loops are how many loop devices there are of a disk image. Those of other labs are seen too: names of images differ.
func (h *host) loops(t testing.TB, name string) string {
	t.Helper()
	return strings.TrimSpace(h.Sh(t, `cat /sys/block/loop*/loop/backing_file 2>/dev/null | grep -c "/$1.raw$" || true`, name))
}

// noLoops waits until there are none.
func (h *host) noLoops(t testing.TB, name string) {
	t.Helper()
	lab.Eventually(t, 5*time.Second, func() error {
		if n := h.loops(t, name); n != "0" {
			return fmt.Errorf("%s loop devices of %s.raw", n, name)
		}
		return nil
	})
}

// A disk image with partitions boots like a tree, and keeps what is written.
func TestDiskImage(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		name := "disk-" + h.suite
		h.fileSystem(t, "/var/lib/machines/deb", "/tmp/root.img", 400)
		h.Sh(t, `rm -rf /tmp/data; mkdir /tmp/data; echo from home >/tmp/data/file; chown 1000:1000 /tmp/data/file`)
		h.fileSystem(t, "/tmp/data", "/tmp/data.img", 8)
		const sealed, hidden = 1 << 60, 1 << 63
		h.disk(t, name, part{"swap", "", 1, 0}, part{"root", "/tmp/root.img", 400, 0}, part{"home", "/tmp/data.img", 8, 0},
			part{"srv", "/tmp/data.img", 8, sealed}, part{"srv", "/tmp/root.img", 8, 0}, part{"usr", "/tmp/data.img", 8, hidden})
		before := h.calm(t)
		h.start(t, name)
		if list := h.Sh(t, `machinectl list --no-legend --no-pager`); !strings.Contains(list, name+" ") {
			t.Errorf("machinectl lists %q", list)
		}
		if n := h.loops(t, name); n != "3" {
			t.Errorf("%s loop devices, want one each of /, /home, /srv", n)
		}
		got := h.inside(t, name, `cat /home/file; stat -c '%u %n' / /etc /home/file; touch /srv/x 2>&1; findmnt -no FSTYPE /; findmnt -no OPTIONS / | tr , '\n' | grep -x -e nodev -e rw
			echo kept >/var/kept; echo kept >/home/kept`)
		for _, want := range []string{"from home\n", "0 /\n", "0 /etc\n", "1000 /home/file\n", "Read-only file system", "ext4\n", "nodev\n", "rw\n"} {
			if !strings.Contains(got, want) {
				t.Errorf("inside there is no %q in:\n%s", want, got)
			}
		}
		h.Sh(t, `mctl reboot "$1"`, name)
		if got := h.inside(t, name, `cat /var/kept /home/kept`); got != "kept\nkept\n" {
			t.Errorf("after a reboot there is %q", got)
		}
		_, stderr, code := h.Try(`mctl run --image="/var/lib/machines/$1.raw" -M other /bin/true`, name)
		if code != 125 {
			t.Errorf("another machine of the image: exit status %d", code)
		}
		oneLine(t, stderr, "image is in use")
		h.Sh(t, `mctl run --dry-run "$1" | grep "mount ext4 from host /var/lib/machines/$1.raw"`, name)
		h.Sh(t, `mctl poweroff "$1"`, name)
		h.noLoops(t, name)
		h.nothingLeft(t, before)
	})
}

// smallDisk makes a disk image without partitions, of a small tree.
func (h *host) smallDisk(t testing.TB, name, init string) {
	t.Helper()
	h.removeDisk(t, name)
	h.tiny(t, name+"-tree", init)
	h.Sh(t, `cd /var/lib/machines; rm -f "$1.raw"; mke2fs -q -t ext4 -d "$1-tree" "$1.raw" 64M`, name)
}

func TestDiskImageReadOnly(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		name := "ro-" + h.suite
		h.smallDisk(t, name, obedient)
		sum := func() string { return h.Sh(t, `sha256sum "/var/lib/machines/$1.raw"`, name) }
		before := sum()
		const write = `if echo x >/usr/x; then echo written; fi`
		for _, run := range []struct{ command, want string }{
			{`mctl run --read-only "$1"`, ""}, {`mctl run --ephemeral "$1"`, "written\n"}, {`mctl run --volatile=overlay "$1"`, "written\n"},
			{`machinectl read-only "$1" true; mctl run "$1"`, ""}, {`mctl run --image="/var/lib/machines/$1.raw" -x`, "written\n"},
		} {
			if got := h.Sh(t, run.command+` /bin/sh -c "$2" 2>/dev/null`, name, write); got != run.want {
				t.Errorf("%s: %q, want %q", run.command, got, run.want)
			}
		}
		if after := sum(); after != before {
			t.Error("the image has changed")
		}
		if got := h.Sh(t, `machinectl read-only "$1" false; mctl run "$1" /bin/sh -c "$2"; mctl run "$1" /bin/cat /usr/x`, name, write); got != "written\nx\n" {
			t.Errorf("writable again: %q", got)
		}
		h.noLoops(t, name)
	})
}

// What ends badly leaves no loop device.
func TestDiskImageLeavesNothing(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		name := "left-" + h.suite
		h.smallDisk(t, name, obedient)
		before := h.calm(t)
		h.refused(t, `mctl run `+name+` /bin/none`, "/bin/none", "no such file")
		h.refused(t, `mctl run --pivot-root=/none `+name, "/none")
		h.noLoops(t, name)
		h.Sh(t, `mctl run "$1" & for i in {1..100}; do grep -q . "/run/systemd/machines/$1" 2>/dev/null && break; sleep 0.05; done; kill -KILL $!; wait $! || true`, name)
		h.noLoops(t, name)
		h.start(t, name)
		h.Sh(t, `kill -KILL $(systemctl show -P MainPID contain@"$1")`, name)
		h.noLoops(t, name)
		h.Sh(t, `systemctl reset-failed contain@"$1" || true`, name)
		h.nothingLeft(t, before)
		// Somebody else has it.
		device := strings.TrimSpace(h.Sh(t, `losetup --find --show --offset 4096 "/var/lib/machines/$1.raw"`, name))
		t.Cleanup(func() {
			_, _, _ = h.Try(`[[ $(losetup -n -O BACK-FILE "$1") != */"$2".raw ]] || losetup -d "$1"`, device, name)
		})
		h.refused(t, `mctl run --read-only `+name+` /bin/stat /`, "in use as "+device)
		h.Sh(t, `losetup -d "$2"; mctl run "$1" /bin/stat /`, name, device)
	})
}

func TestDiskImagesThatCannotBoot(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		name := "bad-" + h.suite
		h.Sh(t, `printf 'LUKS\xba\xbe' >/tmp/luks.img; truncate -s 1M /tmp/luks.img /tmp/blank.img`)
		h.fileSystem(t, "/etc/systemd", "/tmp/root.img", 8)
		boot := "mctl start " + name
		h.disk(t, name, part{"root", "/tmp/luks.img", 1, 0})
		h.refused(t, boot, name+".raw", "LUKS", "not supported yet")
		h.refused(t, "mctl run --image=/tmp/luks.img", "/tmp/luks.img", "LUKS", "not supported yet")
		h.disk(t, name, part{"root", "/tmp/root.img", 8, 0}, part{"home", "/tmp/luks.img", 1, 0})
		h.refused(t, boot, "/home", "LUKS", "not supported yet")
		h.disk(t, name, part{"root", "/tmp/root.img", 8, 0}, part{"verity", "/tmp/blank.img", 1, 0})
		h.refused(t, boot, name+".raw", "verity", "not supported yet")
		h.disk(t, name, part{"root", "/tmp/blank.img", 1, 0})
		h.refused(t, boot, name+".raw", "no file system")
		h.disk(t, name, part{"home", "/tmp/root.img", 8, 0})
		h.refused(t, boot, name+".raw", "no file system")
		h.disk(t, name, part{"root", "/tmp/root.img", 8, 0})
		h.refused(t, boot, name, "no init")
		h.Sh(t, `touch /var/lib/machines/"$1".roothash`, name)
		h.refused(t, boot, "verity", "not supported yet")
		h.noLoops(t, name)
	})
}
