// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"strings"
	"testing"
)

// escape writes a path as the kernel does (mangle_path, fs/proc_namespace.c).
func escape(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if c := path[i]; strings.IndexByte(" \t\n\\#", c) >= 0 {
			fmt.Fprintf(&b, `\%03o`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// A mount point is found as it is called, wherever it is in the table and
// whatever lines are before it.
func FuzzMounts(f *testing.F) {
	f.Add("proc /proc proc rw 0 0\n", "/sys/fs/cgroup")
	f.Add("overlay / overlay "+strings.Repeat("lowerdir=/a:", 8192)+" 0 0\n", `/a b\c#d`)
	f.Fuzz(func(t *testing.T, before, path string) {
		if len(strings.Fields(path)) == 0 || mountPoint(before, "cgroup2") != "" || strings.ContainsAny(path, "\v\f\r\x00\u0085\u00a0") {
			return
		}
		if before != "" && !strings.HasSuffix(before, "\n") {
			before += "\n"
		}
		table := before + "none " + escape(path) + " cgroup2 rw 0 0\n"
		if got := mountPoint(table, "cgroup2"); got != path {
			t.Errorf("%q is found as %q", path, got)
		}
	})
}
