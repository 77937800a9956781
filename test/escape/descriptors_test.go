// SPDX-License-Identifier: Apache-2.0

package escape_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// No descriptor of the host is open in any process that a machine starts with (CVE-2024-21626 began with one), be it its command, its
// init, or what a shell is given.
func TestNoDescriptors(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		t.Run("command", func(t *testing.T) { h.run(t, nil, "descriptors") })
		t.Run("command of a user", func(t *testing.T) { h.run(t, []string{"--uid=guest"}, "descriptors") })
		t.Run("console", func(t *testing.T) {
			out := h.Sh(t, `script -qec 'mctl run --settings=no --directory=/var/lib/machines/prey /usr/bin/attacker descriptors' /dev/null </dev/null`)
			judge(t, strings.NewReplacer("\r", "", "\b", "", "^@", "", "^D", "").Replace(out))
		})
		t.Run("init", func(t *testing.T) {
			h.start(t, "prey")
			if first := h.Sh(t, `cat /var/lib/machines/prey/orders/first`); first != "" {
				t.Errorf("beyond its streams, init has open: %s", first)
			}
			judge(t, h.order(t, "prey", "descriptors"))
		})
	})
}

func attackDescriptors(r *record, _ []string) {
	pids, err := filepath.Glob("/proc/[0-9]*")
	r.control(err, "list processes")
	for _, dir := range append(pids, "/proc/self") {
		for _, leak := range leaks(dir) {
			if dir == "/proc/self" || strings.Contains(leak, "of the host") { // others make pipes of their own
				r.broken("%s", leak)
			}
		}
	}
	r.held("%d processes have nothing of the host open", len(pids))
}

// leaks are the descriptors of a process that lead out of the machine: to files on mounts that the machine does not have.
func leaks(dir string) []string {
	mounts := mountIDs()
	var list []string
	for _, fd := range fds(dir) {
		name := filepath.Join(dir, "fd", fd)
		to, err := os.Readlink(name)
		if err != nil {
			continue // gone, or the one of this listing
		}
		stream := fd == "0" || fd == "1" || fd == "2"
		switch {
		case stream, strings.HasPrefix(to, "anon_inode:[event"): // Go's own
		case !strings.HasPrefix(to, "/"):
			list = append(list, fmt.Sprintf("%s: %s", name, to))
		case !mounts[mountID(name)]:
			list = append(list, fmt.Sprintf("%s: %s, on a mount of the host", name, to))
		}
	}
	for _, link := range []string{"cwd", "root"} {
		if name := filepath.Join(dir, link); !mounts[mountID(name)] {
			list = append(list, name+" is on a mount of the host")
		}
	}
	return list
}

// fds are the descriptors of a process, read with one of our own that is closed again.
func fds(dir string) []string {
	f, err := os.Open(filepath.Join(dir, "fd"))
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(-1)
	return names
}

func mountIDs() map[uint64]bool {
	ids := map[uint64]bool{}
	text, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(text)) {
		var id uint64
		if _, err := fmt.Sscan(line, &id); err == nil {
			ids[id] = true
		}
	}
	return ids
}

func mountID(path string) uint64 {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_MNT_ID, &st) != nil {
		return 0
	}
	return st.Mnt_id
}
