// SPDX-License-Identifier: Apache-2.0

package populate

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"
)

// Every page of the program is mapped, whether this test has touched it or not.
func TestProgramIsMapped(t *testing.T) {
	low, high := program()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	var seen, size, there uintptr
	for line := range strings.Lines(string(smaps)) {
		var start, end, kib uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &start, &end); n == 2 {
			seen = 0
			if start < high && end > low {
				seen = min(end, high) - max(start, low)
				size += seen
			}
		}
		if n, _ := fmt.Sscanf(line, "Rss: %d kB", &kib); n == 1 && seen > 0 {
			there += min(kib<<10, seen)
		}
	}
	if size != high-low || there < size {
		t.Errorf("of %d KiB of the program, %d lie in mappings, and %d are there", (high-low)>>10, size>>10, there>>10)
	}
}

// What comes next in the heap is there before it is touched.
func TestHeapIsThere(t *testing.T) {
	if os.Getpagesize() != 4<<10 {
		t.Skip("pages are not of 4 KiB")
	}
	pagemap, err := os.Open("/proc/self/pagemap")
	if err != nil {
		t.Fatal(err)
	}
	defer pagemap.Close()
	// Fewer than are asked for, for the heap may have ended before.
	const pages = 16
	entry := make([]byte, 8*pages)
	at := int64(uintptr(unsafe.Pointer(first)) >> 12)
	if _, err := pagemap.ReadAt(entry, 8*at); err != nil {
		t.Fatal(err)
	}
	for i := range pages {
		if entry[8*i+7]&0x80 == 0 {
			t.Errorf("page %d is not there", i)
		}
	}
}
