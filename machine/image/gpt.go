// SPDX-License-Identifier: Apache-2.0

package image

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"unicode/utf16"
)

// area is a part of a disk, in bytes.
type area struct{ start, size int64 }

const (
	// sector is the size of a sector where nothing else is said.
	sector = 512
	// maxPartitions bounds what is read of a partition table.
	maxPartitions = 1024
)

// Attributes of partitions in a GPT (Discoverable Partitions Specification, and
// UEFI 2.10, 5.3.3, for the first).
const (
	noBlockIO = 1 << 1
	growFS    = 1 << 59
	readOnly  = 1 << 60
	noAuto    = 1 << 63
)

// partition is what a partition table says of a part of a disk.
type partition struct {
	area
	kind     partitionKind
	label    string
	readOnly bool
	grows    bool // its file system is to be as large as it is
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
		if p, ok := gptEntryOf(entry, sectors, sector); ok {
			list = append(list, p)
		}
	}
	return list
}

// gptEntryOf reads an entry of the table; ok is false for one that does not
// matter.
func gptEntryOf(entry []byte, sectors uint64, sector int64) (p partition, ok bool) {
	le := binary.LittleEndian
	kind, known := partitionKinds()[string(entry[:16])]
	first, last, flags := le.Uint64(entry[32:]), le.Uint64(entry[40:]), le.Uint64(entry[48:])
	hidden := uint64(noAuto)
	if kind == kindESP {
		hidden = noBlockIO // it has no other flag of that kind
	}
	label := gptLabel(entry[56:128])
	if !known || flags&hidden != 0 || first > last || last >= sectors || label == "_empty" {
		return partition{}, false
	}
	return partition{
		area: area{int64(first) * sector, int64(last-first+1) * sector}, kind: kind, label: label,
		readOnly: flags&readOnly != 0 && kind != kindESP, grows: flags&growFS != 0,
	}, true
}

// gptLabel reads a name in UTF-16.
func gptLabel(b []byte) string {
	var units []uint16
	for pair := range slices.Chunk(b, 2) {
		units = append(units, binary.LittleEndian.Uint16(pair))
	}
	text, _, _ := strings.Cut(string(utf16.Decode(units)), "\x00")
	return text
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
			list = append(list, partition{area: area{start, length}, kind: kindGeneric})
		}
	}
	return list
}
