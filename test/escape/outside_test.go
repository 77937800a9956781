// SPDX-License-Identifier: Apache-2.0

package escape_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A working directory that is a link of /proc to a descriptor, the machine's or its user's, does not lead out (CVE-2024-21626).
func TestWorkingDirectory(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) {
		h.Sh(t, `tree=/var/lib/machines/prey; for i in {0..20}; do ln -sfn /proc/self/fd/$i $tree/home/fd$i; done; ln -sfn /proc/self/cwd $tree/home/cwd; ln -sfn /proc/1/root $tree/home/root`)
		dirs := []string{"/proc/self/cwd", "/proc/self/root/..", "/proc/1/root", "/home/cwd", "/home/root", "/proc/self/task/1/cwd", "/home"}
		for fd := 3; fd < 24; fd++ {
			dirs = append(dirs, fmt.Sprintf("/proc/self/fd/%d", fd))
		}
		for fd := 10; fd < 18; fd += 2 {
			dirs = append(dirs, fmt.Sprintf("/home/fd%d", fd), fmt.Sprintf("/proc/self/fd/%d/../../..", fd+1))
		}
		out := h.Sh(t, `started=0
			for dir; do
				code=0; timeout 20 mctl run --settings=no --register=no --chdir="$dir" --directory=/var/lib/machines/prey /usr/bin/attacker outside >/tmp/said 2>&1 || code=$?
				case $code in 0) started=$((started + 1)) ;; 125) ;; *) echo "$dir: exit status $code"; cat /tmp/said ;; esac
				if grep -q ^broken /tmp/said; then echo "$dir: $(grep ^broken /tmp/said)"; fi
			done; ((started > 0)) || cat /tmp/said`, dirs...)
		if out != "" {
			t.Error(out)
		}
		for _, home := range []string{"/proc/self/fd/7", "/proc/self/fd/9", "/proc/1/cwd", "/home/fd8"} {
			h.Sh(t, `echo "guest:x:1000:1000::$1:/bin/sh" >/var/lib/machines/prey/home/passwd`, home)
			h.run(t, []string{"--uid=guest"}, "outside")
		}
		h.Sh(t, `rm -f /var/lib/machines/prey/home/*`)
	})
}

// attackOutside looks for the host's files from where it stands.
func attackOutside(r *record, _ []string) {
	cwd, err := os.Getwd()
	if err != nil || !strings.HasPrefix(cwd, "/") {
		r.broken("working directory %q is outside: %v", cwd, err)
	}
	if !mountIDs()[mountID(".")] {
		r.broken("working directory %q is on a mount of the host", cwd)
	}
	up := strings.Repeat("../", 12)
	for _, path := range []string{up, "./", "/", "/proc/self/root/" + up, "/proc/1/root/" + up, "/proc/self/cwd/" + up, "/proc/1/cwd/" + up} {
		for _, file := range []string{"etc/escape-canary", "srv/canary/file", "var/lib/machines/other/usr/lib/os-release"} {
			if text, err := os.ReadFile(path + file); err == nil {
				r.broken("%s can be read: %.40q", path+file, text)
			}
		}
	}
	if text, err := os.ReadFile("/canary/file"); err == nil && strings.Contains(string(text), secret) {
		r.broken("the host's secret is in /canary")
	}
	r.held("from %s nothing of the host is to be seen", cwd)
}

// attackHandles opens files by handles that it has made up (CVE-2014-9357 and others after it): of the root of the file system that the tree lies on.
func attackHandles(r *record, _ []string) {
	root, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	r.control(err, "open /")
	own, _, err := unix.NameToHandleAt(root, "usr", 0)
	if err != nil {
		r.held("name_to_handle_at: %v", err)
	}
	for _, inode := range []uint32{2, 1, 128, 256, 5} {
		for _, kind := range []int32{1, 2, own.Type()} {
			handle := unix.NewFileHandle(kind, []byte{byte(inode), byte(inode >> 8), 0, 0, 0, 0, 0, 0})
			fd, err := unix.OpenByHandleAt(root, handle, unix.O_RDONLY)
			if err == nil {
				var a, b unix.Stat_t
				if unix.Fstat(fd, &a) == nil && unix.Fstat(root, &b) == nil && a.Ino != b.Ino {
					r.broken("handle of inode %d: it can be opened", inode)
				}
				unix.Close(fd)
				continue
			}
			r.held("handle of inode %d, type %d: %v", inode, kind, err)
		}
	}
}

func TestHandles(t *testing.T) {
	eachSuite(t, func(t *testing.T, h *host) { h.run(t, nil, "handles") })
}
