// SPDX-License-Identifier: Apache-2.0

package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// table makes a disk of 64 KiB and more with a GUID partition table; each entry
// is a type, the first sector and the last.
func table(entries ...gptEntry) []byte { return tableOf(sector, entries...) }

// tableOf is table for sectors of that size.
func tableOf(sector int, entries ...gptEntry) []byte {
	const count = 8
	disk := make([]byte, 128*sector)
	le := binary.LittleEndian
	entriesAt := disk[2*sector : 2*sector+count*128]
	for i, e := range entries {
		b := entriesAt[i*128:]
		copy(b, e.kind)
		le.PutUint64(b[32:], e.first)
		le.PutUint64(b[40:], e.last)
		le.PutUint64(b[48:], e.flags)
	}
	h := disk[sector : sector+92]
	copy(h, "EFI PART")
	le.PutUint32(h[12:], 92)
	le.PutUint64(h[72:], 2)
	le.PutUint32(h[80:], count)
	le.PutUint32(h[84:], 128)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(entriesAt))
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h))
	return disk
}

type gptEntry struct {
	kind               string
	first, last, flags uint64
}

// typeOf gives a partition type of a kind, as it lies on a disk.
func typeOf(kind partitionKind) string {
	for guid, k := range partitionKinds() {
		if k == kind {
			return guid
		}
	}
	panic("no such type")
}

// rootArea is where the root is, or /usr if that is all there is.
func rootArea(disk io.ReaderAt, size int64) (area, error) {
	c, err := layout(disk, size, lenient{})
	if p, ok := c.found[kindRoot]; ok {
		return p.area, err
	}
	return c.found[kindUsr].area, err
}

func TestRootArea(t *testing.T) {
	rootGPT, linuxGPT, efiGPT := typeOf(kindRoot), typeOf(kindGeneric), typeOf(kindESP)
	whole := make([]byte, 4096)
	copy(whole[1024+0x38:], "\x53\xef")
	mbr := make([]byte, 64<<10)
	copy(mbr[510:], "\x55\xaa")
	copy(mbr[446:], "\x00\x00\x00\x00\x83\x00\x00\x00\x08\x00\x00\x00\x10\x00\x00\x00")
	bad := table(gptEntry{rootGPT, 8, 15, 0})
	bad[2*sector+32]++
	two := tableOf(4096, gptEntry{rootGPT, 8, 15, 0})
	copy(two, table(gptEntry{rootGPT, 8, 15, 0})[:4*sector])
	for name, tt := range map[string]struct {
		disk []byte
		want area
	}{
		"sectors of 4K":  {tableOf(4096, gptEntry{efiGPT, 6, 7, 0}, gptEntry{rootGPT, 8, 15, 0}), area{8 * 4096, 8 * 4096}},
		"sectors of 2K":  {tableOf(2048, gptEntry{linuxGPT, 8, 127, 0}), area{8 * 2048, 120 * 2048}},
		"4K, beyond":     {tableOf(4096, gptEntry{rootGPT, 8, 128, 0}), area{}},
		"two tables":     {two, area{}},
		"no table":       {whole, area{0, 4096}},
		"root":           {table(gptEntry{efiGPT, 6, 7, 0}, gptEntry{linuxGPT, 20, 29, 0}, gptEntry{rootGPT, 8, 15, 0}), area{8 * sector, 8 * sector}},
		"only one":       {table(gptEntry{efiGPT, 6, 7, 0}, gptEntry{linuxGPT, 8, 9, 0}), area{8 * sector, 2 * sector}},
		"two":            {table(gptEntry{linuxGPT, 8, 9, 0}, gptEntry{linuxGPT, 10, 11, 0}), area{}},
		"not by itself":  {table(gptEntry{rootGPT, 8, 9, 1 << 63}), area{}},
		"beyond the end": {table(gptEntry{rootGPT, 8, 128, 0}), area{}},
		"backwards":      {table(gptEntry{rootGPT, 9, 8, 0}), area{}},
		"broken":         {bad, area{}},
		"old table":      {mbr, area{8 * sector, 16 * sector}},
		"nothing":        {make([]byte, 1<<20), area{}},
		"empty":          {nil, area{}},
	} {
		got, err := rootArea(bytes.NewReader(tt.disk), int64(len(tt.disk)))
		if got != tt.want || (err == nil) != (tt.want != area{}) || err != nil && !errors.Is(err, unix.ENOPKG) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, tt.want)
		}
	}
}

// What a disk says of its partitions leads nowhere beyond the disk.
func FuzzPartitions(f *testing.F) {
	rootGPT, linuxGPT := typeOf(kindRoot), typeOf(kindGeneric)
	f.Add(table(gptEntry{rootGPT, 8, 15, 0})[:4096], int64(64<<10), true)
	f.Add(tableOf(4096, gptEntry{rootGPT, 8, 15, 0})[:3*4096], int64(128*4096), true)
	f.Add(tableOf(1024, gptEntry{linuxGPT, 8, 1 << 60, 0}, gptEntry{rootGPT, 1 << 52, 1<<52 + 1, 0})[:4096], int64(1<<62), true)
	f.Add(table(gptEntry{linuxGPT, 1 << 63, 1<<64 - 1, 0})[:4096], int64(4096), true)
	f.Add(append(make([]byte, 446), "\x00\x00\x00\x00\x83\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"...), int64(1<<40), false)
	f.Fuzz(func(t *testing.T, disk []byte, size int64, mend bool) {
		if size < int64(len(disk)) {
			return
		}
		for _, sector := range sectorSizes {
			if int64(len(disk)) >= sector+92 && string(disk[sector:sector+8]) == "EFI PART" && mend {
				mendTable(disk, sector)
			}
		}
		got, err := rootArea(bytes.NewReader(disk), size)
		if err == nil && (got.start < 0 || got.size <= 0 || got.start > size-got.size) {
			t.Errorf("%+v of a disk of %d bytes", got, size)
		}
	})
}

// mendTable makes the sums of a table right, so that what they guard is reached.
func mendTable(disk []byte, sector int64) {
	h := disk[sector : sector+92]
	le := binary.LittleEndian
	at, n := le.Uint64(h[72:]), uint64(le.Uint32(h[80:]))*128
	if at < 1<<20 && n < 1<<20 && at*uint64(sector)+n <= uint64(len(disk)) {
		le.PutUint32(h[88:], crc32.ChecksumIEEE(disk[at*uint64(sector):at*uint64(sector)+n]))
	}
	le.PutUint32(h[16:], 0)
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h))
}

// disk makes a disk image with a small tree on ext4, at an offset, which is in a
// partition table of sectors of that size.
func disk(t *testing.T, path string, offset, sector int) {
	t.Helper()
	if _, err := exec.LookPath("mke2fs"); err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and mke2fs")
	}
	tree := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(tree, "etc"), 0o755))
	must(t, os.WriteFile(filepath.Join(tree, "etc/hostname"), []byte("inside\n"), 0o644))
	must(t, os.Symlink("/etc/hostname", filepath.Join(tree, "etc/machine-info")))
	must(t, os.Symlink("/proc/self/environ", filepath.Join(tree, "etc/os-release")))
	part := filepath.Join(t.TempDir(), "part")
	must(t, exec.Command("mke2fs", "-q", "-t", "ext4", "-d", tree, part, "4M").Run())
	b, err := os.ReadFile(part)
	must(t, err)
	out := make([]byte, offset, offset+len(b)+1<<20)
	if offset > 0 {
		copy(out, tableOf(sector, gptEntry{typeOf(kindRoot), uint64(offset / sector), uint64((offset+len(b))/sector - 1), 0}))
	}
	must(t, os.WriteFile(path, append(out, b...), 0o644))
}

func TestMetadataOfADisk(t *testing.T) {
	dir := t.TempDir()
	for name, at := range map[string]struct{ offset, sector int }{"whole": {0, sector}, "partition": {64 << 10, sector}, "large": {512 << 10, 4096}} {
		disk(t, filepath.Join(dir, name+".raw"), at.offset, at.sector)
		img, err := find([]string{dir}, name)
		must(t, err)
		got, err := img.Metadata()
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EPERM) {
			t.Skip("no loop devices or no ext4 here: ", err)
		}
		must(t, err)
		if got.Hostname != "inside" || len(got.OSRelease) != 0 || len(got.MachineID) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "blank.raw"), make([]byte, 1<<20), 0o644))
	img, err := find([]string{dir}, "blank")
	must(t, err)
	if _, err := img.Metadata(); !errors.Is(err, unix.ENOPKG) {
		t.Errorf("a disk with nothing on it: %v", err)
	}
}
