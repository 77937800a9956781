// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	if os.Getenv("MUST_RUN") != "" {
		t.Fatal("MUST_RUN is set and this test needs root")
	}
	t.Skip("needs root")
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func owner(t *testing.T, path string) [2]uint32 {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(path, &st))
	return [2]uint32{st.Uid, st.Gid}
}

// acl has entries for the owner, user id, the group, group id, the mask and all others.
func acl(id uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, aclVersion)
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{1, 6, ^uint32(0)}, {aclTagUser, 4, id}, {4, 4, ^uint32(0)}, {aclTagGrp, 4, id + 1}, {0x10, 4, ^uint32(0)}, {0x20, 0, ^uint32(0)}} {
		b = binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(b, e.tag), e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

func TestChown(t *testing.T) {
	needRoot(t)
	const base = 0x150000
	root, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	in := func(name string) string { return filepath.Join(root, name) }
	must(t, os.WriteFile(outside, nil, 0o644), os.MkdirAll(in("a/b"), 0o755), os.WriteFile(in("a/suid"), nil, 0o644), os.Chown(in("a/suid"), 7, 8),
		os.Chmod(in("a/suid"), 0o755|os.ModeSetuid|os.ModeSetgid), os.WriteFile(in("a/b/cap"), nil, 0o755),
		os.Symlink(outside, in("link")), os.Lchown(in("link"), 3, 3), os.Symlink("..", in("a/up")), unix.Mkfifo(in("fifo"), 0o600))
	capability := append([]byte{1, 0, 0, 2, 0, 0x20}, make([]byte, 14)...)
	must(t, unix.Setxattr(in("a/b/cap"), capabilityAttr, capability, 0))
	hasACL := unix.Setxattr(in("a/suid"), accessAttrs[0], acl(100), 0) == nil && unix.Setxattr(in("a/b"), accessAttrs[1], acl(200), 0) == nil
	if !hasACL {
		t.Log("this file system has no access control lists")
	}
	must(t, unix.Chmod(in("a/suid"), 0o6755))

	for _, to := range []uint32{base, 2 * base, 0} {
		must(t, Chown(context.Background(), root, to))
		for name, want := range map[string][2]uint32{"": {0, 0}, "a": {0, 0}, "a/b": {0, 0}, "a/suid": {7, 8}, "link": {3, 3}, "a/up": {0, 0}, "fifo": {0, 0}} {
			if got := owner(t, in(name)); got != [2]uint32{to + want[0], to + want[1]} {
				t.Errorf("%q belongs to %v, want %v in the range from %d on", name, got, want, to)
			}
		}
		if info, err := os.Stat(in("a/suid")); err != nil || info.Mode() != 0o755|os.ModeSetuid|os.ModeSetgid {
			t.Errorf("mode is %v, %v", info.Mode(), err)
		}
		if got, want := attribute(in("a/b/cap"), capabilityAttr), ownedBy(capability, to); !bytes.Equal(got, want) {
			t.Errorf("capabilities are %x, want %x", got, want)
		}
		if hasACL && !bytes.Equal(attribute(in("a/suid"), accessAttrs[0])[16:20], acl(to + 100)[16:20]) {
			t.Errorf("access control list is %x", attribute(in("a/suid"), accessAttrs[0]))
		}
		if hasACL && !bytes.Equal(attribute(in("a/b"), accessAttrs[1]), acl(to+200)) {
			t.Errorf("default access control list is %x", attribute(in("a/b"), accessAttrs[1]))
		}
	}
	if got := owner(t, outside); got != [2]uint32{} {
		t.Errorf("what a link leads to belongs to %v now", got)
	}
}

// A change that was called off is seen as such, and done anew.
func TestChownIsTakenUpAgain(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	must(t, os.WriteFile(filepath.Join(root, "a"), nil, 0o644))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Chown(ctx, root, 0x150000); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	if got := owner(t, root); got != [2]uint32{busy, busy} {
		t.Errorf("the root belongs to %v, want what says that it is half done", got)
	}
	must(t, Chown(t.Context(), root, 0x150000))
	if got := owner(t, root); got != [2]uint32{0x150000, 0x150000} {
		t.Errorf("the root belongs to %v", got)
	}
}

func TestChownLeavesOut(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	sealed, proc := filepath.Join(root, "sealed"), filepath.Join(root, "proc")
	must(t, os.Mkdir(sealed, 0o755), os.Mkdir(proc, 0o755), unix.Mount("none", sealed, "tmpfs", 0, ""), unix.Mount("proc", proc, "proc", 0, ""))
	t.Cleanup(func() { must(t, unix.Unmount(sealed, 0), unix.Unmount(proc, 0)) })
	must(t, os.WriteFile(filepath.Join(sealed, "file"), nil, 0o644), unix.Mount("", sealed, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""))
	must(t, Chown(t.Context(), root, 0x150000))
	if got := owner(t, filepath.Join(sealed, "file")); got != [2]uint32{} {
		t.Errorf("a file that is mounted read-only belongs to %v", got)
	}
	if got := owner(t, root); got != [2]uint32{0x150000, 0x150000} {
		t.Errorf("the root belongs to %v", got)
	}
}

func TestChownRefuses(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	must(t, os.Chown(root, 0, 1<<20))
	for want, base := range map[string]uint32{"does not begin a range": 7, "are not of one range": 1 << 20} {
		if err := Chown(t.Context(), root, base); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
	must(t, os.Chown(root, 0, 0))
	deep := root
	fd, err := unix.Open(root, unix.O_DIRECTORY, 0)
	must(t, err)
	for range maxDepth + 2 {
		must(t, unix.Mkdirat(fd, "d", 0o755))
		next, err := unix.Openat(fd, "d", unix.O_DIRECTORY, 0)
		must(t, err)
		unix.Close(fd)
		fd = next
	}
	unix.Close(fd)
	if err := Chown(t.Context(), deep, 1<<20); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Errorf("got error %.200v", err)
	}
}
