// SPDX-License-Identifier: Apache-2.0

package image

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"runtime"
	"slices"
)

// area is a part of a disk, in bytes.
type area struct{ start, size int64 }

const (
	// sector is the size of a sector where nothing else is said.
	sector = 512
	// maxPartitions bounds what is read of a partition table.
	maxPartitions = 1024
)

// linuxPartition is the type of a partition that says no more than "Linux", in
// a GPT (as it lies on the disk) and in an MBR.
const (
	linuxGPT = "\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\xe4"
	linuxMBR = 0x83
)

// rootType is the type of the root partition of this machine's architecture
// (uapi-group.org, Discoverable Partitions Specification), as it lies on the
// disk.
func rootType() string {
	return map[string]string{
		"386":     "\x40\x95\x47\x44\x97\xf2\xb2\x41\x9a\xf7\xd1\x31\xd5\xf0\x45\x8a",
		"amd64":   "\xe3\xbc\x68\x4f\xcd\xe8\xb1\x4d\x96\xe7\xfb\xca\xf9\x84\xb7\x09",
		"arm":     "\x10\xd7\xda\x69\xe4\x2c\x3c\x4e\xb1\x6c\x21\xa1\xd4\x9a\xbe\xd3",
		"arm64":   "\x45\xb0\x21\xb9\xf0\x1d\xc3\x41\xaf\x44\x4c\x6f\x28\x0d\x3f\xae",
		"riscv64": "\xe3\x70\xec\x72\x74\xcf\xe6\x40\xbd\x49\x4b\xda\x08\xe8\xf2\x24",
	}[runtime.GOARCH]
}

// rootArea finds where the root file system of a disk of that size is: in the
// partition of its type, or the only one of Linux, or all of the disk.
func rootArea(disk io.ReaderAt, size int64) (area, error) {
	whole := area{0, size}
	if _, ok := fileSystemAt(disk, whole); ok {
		return whole, nil
	}
	list := gptPartitions(disk, size)
	if list == nil {
		list = mbrPartitions(disk, size)
	}
	var generic []area
	for _, p := range list {
		if p.isRoot {
			return p.area, nil
		}
		generic = append(generic, p.area)
	}
	if len(generic) == 1 {
		return generic[0], nil
	}
	return area{}, errNoFileSystem
}

// partition is one that may hold a root file system.
type partition struct {
	area
	isRoot bool // it says so
}

// sectorSizes are those that disks have. A disk image does not say which: the
// table is in the second sector, whatever its size.
var sectorSizes = []int64{sector, 1024, 2048, 4096}

// gptPartitions reads a GUID partition table (UEFI 2.10, 5.3); nil if there is
// none that is whole, or, as in systemd, more than one: then nobody can tell
// which is meant.
func gptPartitions(disk io.ReaderAt, size int64) []partition {
	var found []partition
	for _, sector := range sectorSizes {
		list := gptOf(disk, size, sector)
		if list != nil && found != nil {
			return nil
		}
		if list != nil {
			found = list
		}
	}
	return found
}

// gptOf reads the table of a disk with sectors of that size.
func gptOf(disk io.ReaderAt, size, sector int64) []partition {
	h := make([]byte, 92)
	if _, err := disk.ReadAt(h, sector); err != nil || string(h[:8]) != "EFI PART" {
		return nil
	}
	le := binary.LittleEndian
	sum := le.Uint32(h[16:])
	copy(h[16:20], "\x00\x00\x00\x00")
	at, count, each := le.Uint64(h[72:]), le.Uint32(h[80:]), le.Uint32(h[84:])
	sectors := uint64(size / sector)
	if le.Uint32(h[12:]) != 92 || crc32.ChecksumIEEE(h) != sum || each != 128 || count > maxPartitions || at > sectors {
		return nil
	}
	table := make([]byte, count*each)
	if _, err := disk.ReadAt(table, int64(at)*sector); err != nil || crc32.ChecksumIEEE(table) != le.Uint32(h[88:]) {
		return nil
	}
	list := []partition{}
	for entry := range slices.Chunk(table, int(each)) {
		kind, first, last := string(entry[:16]), le.Uint64(entry[32:]), le.Uint64(entry[40:])
		const noAuto = 1 << 63
		if kind != rootType() && kind != linuxGPT || le.Uint64(entry[48:])&noAuto != 0 {
			continue
		}
		if first <= last && last < sectors {
			list = append(list, partition{area{int64(first) * sector, int64(last-first+1) * sector}, kind == rootType()})
		}
	}
	return list
}

// mbrPartitions reads the four entries of an old partition table.
func mbrPartitions(disk io.ReaderAt, size int64) []partition {
	b := make([]byte, sector)
	if _, err := disk.ReadAt(b, 0); err != nil || b[510] != 0x55 || b[511] != 0xaa {
		return nil
	}
	var list []partition
	for i := 446; i < 510; i += 16 {
		start, length := int64(binary.LittleEndian.Uint32(b[i+8:]))*sector, int64(binary.LittleEndian.Uint32(b[i+12:]))*sector
		if b[i+4] == linuxMBR && length > 0 && start > 0 && start+length <= size {
			list = append(list, partition{area{start, length}, false})
		}
	}
	return list
}
