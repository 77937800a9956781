// SPDX-License-Identifier: Apache-2.0

package varlink

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestValidUserName(t *testing.T) {
	for name, want := range map[string]bool{
		"vu-deb-7": true, "vg-my_m-65533": true, "vu-abcdefghijklmnopqrstuvw-65533": false, "vu-abcdefghijklmnopqrstuv-65533": true,
		"vu-web.one-7": false, "": false, "7": false, "-a": false,
	} {
		if got := validUserName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

// The marks are those of systemd-machined 262. Whether a socket can have them is
// up to the kernel; a file can.
func TestUserMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	mark(path, userMarks())
	for name, want := range map[string]string{
		"user.userdb.uid": "65536-4294967294", "user.userdb.gid": "65536-4294967294",
		"user.userdb.username": "vu-*", "user.userdb.groupname": "vg-*",
	} {
		b := make([]byte, 64)
		n, err := unix.Getxattr(path, name, b)
		if errors.Is(err, unix.EOPNOTSUPP) {
			t.Skip("no extended attributes in ", path)
		}
		if err != nil || string(b[:n]) != want {
			t.Errorf("%s: %q, %v, want %q", name, b[:max(n, 0)], err, want)
		}
	}
}
