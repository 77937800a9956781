// SPDX-License-Identifier: Apache-2.0

package entry

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// built is a program that was made with these flags of the linker.
func built(t *testing.T, ldflags string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	build := exec.Command("go", "build", "-ldflags", ldflags, "-o", program, "./testdata/program")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// resident is how much of what the kernel maps of a program, by its rights, the program had in memory when it looked, in KiB: of code,
// of constants, of variables.
func resident(t *testing.T, program string) (there, size map[string]int) {
	t.Helper()
	smaps, err := exec.Command(program).Output()
	if err != nil {
		t.Fatal(err)
	}
	there, size = map[string]int{}, map[string]int{}
	var rights string
	for line := range strings.Lines(string(smaps)) {
		var kib int
		fields := strings.Fields(line)
		switch {
		case strings.Contains(fields[0], "-"):
			rights = ""
			if fields[len(fields)-1] == program {
				rights = fields[1]
			}
		case rights == "":
		case fields[0] == "Size:":
			_, _ = fmt.Sscan(fields[1], &kib)
			size[rights] += kib
		case fields[0] == "Rss:":
			_, _ = fmt.Sscan(fields[1], &kib)
			there[rights] += kib
		}
	}
	return there, size
}

// All of the program is mapped when it begins, which it is not if it begins where others do.
func TestProgramIsMapped(t *testing.T) {
	const code, constants, variables = "r-xp", "r--p", "rw-p"
	there, size := resident(t, built(t, "-E machined-go/boot/sys/entry.enter"))
	plain, _ := resident(t, built(t, ""))
	for _, rights := range []string{code, constants, variables} {
		// What follows the table of functions is not wanted, nor is the last page's end.
		if there[rights] < size[rights]*9/10 {
			t.Errorf("%s: %d of %d KiB are there", rights, there[rights], size[rights])
		}
		if plain[rights] >= there[rights] {
			t.Errorf("%s: %d KiB are there, and %d without the entry", rights, there[rights], plain[rights])
		}
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
	const pages = heap >> 12
	entry := make([]byte, 8*pages)
	if _, err := pagemap.ReadAt(entry, int64(8*(start()>>12))); err != nil {
		t.Fatal(err)
	}
	for i := range pages {
		if entry[8*i+7]&0x80 == 0 {
			t.Fatalf("page %d is not there", i)
		}
	}
}

// Timers are coarse in the program, which knows what they were.
func TestTimerSlack(t *testing.T) {
	for flags, want := range map[string]string{"-E machined-go/boot/sys/entry.enter": "1000000, 50000 before", "": "50000, 0 before"} {
		out, err := exec.Command(built(t, flags), "slack").Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(string(out)); got != want {
			t.Errorf("with %q: %s, want %s", flags, got, want)
		}
	}
}
