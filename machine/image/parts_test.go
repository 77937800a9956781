// SPDX-License-Identifier: Apache-2.0

package image

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
)

// gpt makes a disk of partitions of 128 KiB each, "USE[:LABEL][/FLAG…]=CONTENT",
// with the beginning of such a file system on each.
func gpt(t *testing.T, partitions ...string) []byte {
	t.Helper()
	const size = 256 // sectors
	kinds := map[string]partitionKind{
		"linux": kindGeneric, "root": kindRoot, "usr": kindUsr, "home": kindHome, "srv": kindSrv, "var": kindVar, "tmp": kindTmp,
		"boot": kindBoot, "esp": kindESP, "verity": kindRootVerity, "sig": kindRootVeritySig, "swap": kindSwap,
	}
	flags := map[string]uint64{"": 0, "ro": readOnly, "grow": growFS, "noauto": noAuto, "hidden": noBlockIO}
	var entries []gptEntry
	for i, p := range partitions {
		use, _, _ := strings.Cut(p, "=")
		use, flag, _ := strings.Cut(use, "/")
		use, _, _ = strings.Cut(use, ":")
		first := uint64(size * (i + 1))
		entries = append(entries, gptEntry{typeOf(kinds[use]), first, first + size - 1, flags[flag]})
	}
	disk := append(table(entries...), make([]byte, sector*size*(len(partitions)+1))...)[:sector*size*(len(partitions)+1)]
	for i, p := range partitions {
		use, content, _ := strings.Cut(p, "=")
		use, _, _ = strings.Cut(use, "/")
		_, label, _ := strings.Cut(use, ":")
		for n, unit := range utf16.Encode([]rune(label)) {
			binary.LittleEndian.PutUint16(disk[2*sector+i*128+56+2*n:], unit)
		}
		format(disk[sector*size*(i+1):], content)
	}
	mendTable(disk, sector)
	return disk
}

// format makes the beginning of a file system.
func format(disk []byte, content string) {
	switch content {
	case "fat":
		copy(disk[0x52:], "FAT32")
	case "external":
		copy(disk[1024+0x38:], "\x53\xef")
		disk[1024+0x5c] = 4
	}
	for _, m := range magics {
		if m.name == content {
			copy(disk[m.at:], m.text)
		}
	}
}

// The sizes are those of the test's: what matters is which partition it is.
func TestParts(t *testing.T) {
	for _, tt := range []struct{ disk, want string }{
		{"root=ext4 usr=squashfs boot=fat esp=fat home=xfs srv=btrfs var=erofs tmp=ext4",
			"1 / ext4, 2 /usr squashfs, 3 /boot vfat, 4 /efi vfat, 5 /home xfs, 6 /srv btrfs, 7 /var erofs, 8 /var/tmp ext4"},
		{"root/ro=ext4 boot/ro=ext4", "1 / ext4 ro, 2 /boot ext4 ro"},
		{"usr=erofs var=ext4", "1 /usr erofs, 2 /var ext4"},
		{"root:img_1.9=ext4 root:img_1.10=ext4 root:img_1.2=ext4", "2 / ext4"},
		{"root:_empty=ext4 root:img_1=ext4", "2 / ext4"},
		{"root=ext4 home:1=ext4 home:2=ext4", "1 / ext4, 2 /home ext4"},
		{"linux=ext4", "1 / ext4"},
		{"linux=ext4 root=xfs", "2 / xfs"},
		{"root=ext4 home/noauto=LUKS esp/hidden=ext4", "1 / ext4"},
		{"linux=ext4 linux=ext4", "no file system is on it"},
		{"home=ext4", "no file system is on it"},
		{"root=none", "no file system is on it"},
		{"root=fat", "no file system is on it"},
		{"root=ext4 srv=none", "/srv: no file system is on it"},
		{"root=ext4 esp=ext4", "/efi: no file system is on it"},
		{"root=LUKS", "/: encrypted file systems (LUKS) are not supported yet"},
		{"root=ext4 var=LUKS", "/var: encrypted file systems (LUKS) are not supported yet"},
		{"root=ext4 verity=none", "images with verity are not supported yet"},
		{"root=ext4 sig=none", "images with verity are not supported yet"},
		{"root=ext4 swap=none", "1 / ext4"},
		{"root=external", "/: its journal is on another device"},
	} {
		parts, err := partsIn(bytes.NewReader(gpt(t, strings.Fields(tt.disk)...)), int64(sector*256*(strings.Count(tt.disk, " ")+2)), nil)
		var words []string
		for _, p := range parts {
			text := fmt.Sprintf("%d %s %s", p.Offset/(sector*256), p.Target, p.Type)
			if p.ReadOnly {
				text += " ro"
			}
			if p.Size != sector*256 {
				t.Errorf("%s: %s has %d bytes", tt.disk, p.Target, p.Size)
			}
			words = append(words, text)
		}
		got := strings.Join(words, ", ")
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, tt.want) || err == nil && got != tt.want {
			t.Errorf("%s (-want +got):\n%s", tt.disk, cmp.Diff(tt.want, got))
		}
	}
}

func TestPartsOfAWholeDisk(t *testing.T) {
	disk := make([]byte, 1<<20)
	format(disk, "ext4")
	parts, err := partsIn(bytes.NewReader(disk), int64(len(disk)), nil)
	if err != nil || len(parts) != 1 || parts[0].Offset != 0 || parts[0].Size != 1<<20 || parts[0].Target != "/" {
		t.Errorf("%+v, %v", parts, err)
	}
	disk = make([]byte, 1<<20)
	format(disk, luks)
	if _, err := partsIn(bytes.NewReader(disk), int64(len(disk)), nil); err == nil || !strings.Contains(err.Error(), "LUKS") {
		t.Errorf("an encrypted disk: %v", err)
	}
}
