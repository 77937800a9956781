// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// at opens the directory that a path is in.
func at(t *testing.T, path string) Place {
	t.Helper()
	fd, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	return Place{fd, filepath.Base(path)}
}

func copyTree(t *testing.T, from, to string, o Options) error {
	t.Helper()
	return Copy(t.Context(), at(t, from), at(t, to), o)
}

func TestCopy(t *testing.T) {
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	write(t, src+"/a/file", "text")
	must(t, unix.Chmod(src+"/a/file", 0o4751))
	must(t, os.Link(src+"/a/file", src+"/link"))
	must(t, os.Symlink("/etc/passwd", src+"/symlink"))
	must(t, unix.Mkfifo(src+"/pipe", 0o640))
	must(t, unix.Chmod(src+"/a", 0o2711))
	old := time.Unix(1e9, 0)
	must(t, os.Chtimes(src+"/a", old, old))
	must(t, unix.Setxattr(src+"/link", "user.test", []byte("x"), 0))
	f, err := os.Create(src + "/holes")
	must(t, err)
	_, err = f.WriteAt([]byte("end"), 64<<20)
	must(t, err)
	f.Close()

	var told Progress
	must(t, copyTree(t, src, dst, Options{Told: func(p Progress) { told = p }}))
	if b, err := os.ReadFile(dst + "/a/file"); err != nil || string(b) != "text" {
		t.Errorf("a/file: %q, %v", b, err)
	}
	a, b := stat(t, dst+"/a/file"), stat(t, dst+"/link")
	if a.Ino != b.Ino || a.Mode&0o7777 != 0o4751 {
		t.Errorf("link is not one, or mode %o", a.Mode)
	}
	if d := stat(t, dst+"/a"); d.Mtim.Sec != 1e9 || d.Mode&0o7777 != 0o2711 {
		t.Errorf("directory: %+v", d)
	}
	if s, _ := os.Readlink(dst + "/symlink"); s != "/etc/passwd" {
		t.Errorf("symlink to %q", s)
	}
	if h := stat(t, dst+"/holes"); h.Size != 64<<20+3 || h.Blocks > 64 {
		t.Errorf("holes: %d bytes in %d blocks", h.Size, h.Blocks)
	}
	v := make([]byte, 8)
	if n, err := unix.Getxattr(dst+"/a/file", "user.test", v); err != nil || string(v[:n]) != "x" {
		t.Errorf("attribute: %v", err)
	}
	if told != (Progress{Files: 7, Bytes: 64<<20 + 3 + 4}) {
		t.Errorf("told %+v", told)
	}
}

func TestCopyMergesAndReplaces(t *testing.T) {
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	write(t, src+"/sub/old", "new")
	write(t, src+"/sub/more", "more")
	write(t, dst+"/sub/old", "old")
	write(t, dst+"/kept", "kept")
	must(t, copyTree(t, src, dst, Options{}))
	if got := read(t, dst+"/sub/old") + read(t, dst+"/sub/more") + read(t, dst+"/kept"); got != "oldmorekept" {
		t.Errorf("merged: %q", got)
	}
	must(t, copyTree(t, src, dst, Options{Replace: true}))
	if got := read(t, dst+"/sub/old"); got != "new" {
		t.Errorf("replaced: %q", got)
	}
	if err := copyTree(t, src+"/sub/old", dst+"/kept", Options{}); !errors.Is(err, unix.EEXIST) {
		t.Errorf("onto a file: %v", err)
	}
	names, err := filepath.Glob(dst + "/*/.#*")
	if err != nil || len(names) != 0 {
		t.Errorf("left over: %v", names)
	}
}

func TestCopyIntoItself(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f", "x")
	must(t, copyTree(t, dir, dir+"/inner", Options{}))
	if _, err := os.Stat(dir + "/inner/f"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir + "/inner/inner"); err == nil {
		t.Error("the copy is in the copy")
	}
}

func TestCopyDistrusts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes device nodes: needs root")
	}
	dir := t.TempDir()
	src, dst := filepath.Join(dir, "src"), filepath.Join(dir, "dst")
	write(t, src+"/sh", "x")
	must(t, os.Chown(src+"/sh", 1000, 1000))
	must(t, unix.Chmod(src+"/sh", 0o6755))
	must(t, unix.Mknod(src+"/mem", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 1))))
	err := copyTree(t, src, dst, Options{Distrust: true, Owner: &Owner{0, 0}})
	if !errors.Is(err, unix.EPERM) {
		t.Errorf("device: %v", err)
	}
	if _, err := os.Lstat(dst + "/mem"); err == nil {
		t.Error("device node was copied")
	}
	if st := stat(t, dst+"/sh"); st.Uid != 0 || st.Mode&0o7777 != 0o755 {
		t.Errorf("owner %d, mode %o", st.Uid, st.Mode)
	}
}

// While names are swapped for links to elsewhere, nothing elsewhere is read or
// written.
func TestCopyRaced(t *testing.T) {
	dir := t.TempDir()
	src, dst, secret := dir+"/src", dir+"/dst", dir+"/secret"
	write(t, secret+"/f", "secret")
	write(t, src+"/d/f", "plain")
	must(t, os.Mkdir(dst, 0o755))
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	go func() {
		for ctx.Err() == nil {
			for _, d := range []string{src, dst} {
				_ = os.Rename(d+"/d", d+"/x")
				_ = os.Symlink(secret, d+"/d")
				_ = os.Remove(d + "/d")
				_ = os.Rename(d+"/x", d+"/d")
			}
		}
	}()
	for ctx.Err() == nil {
		_ = Copy(t.Context(), at(t, src), at(t, dst), Options{Replace: true})
		if b, err := os.ReadFile(secret + "/f"); err != nil || string(b) != "secret" {
			t.Fatalf("written elsewhere: %q, %v", b, err)
		}
		if b, err := os.ReadFile(dst + "/d/f"); err == nil && string(b) == "secret" {
			if l, _ := os.Readlink(dst + "/d"); l == "" {
				t.Log("read through the link of the test itself")
			}
		}
	}
}

func TestCopyEnds(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/src/f", "x")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := Copy(ctx, at(t, dir+"/src"), at(t, dir+"/dst"), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/kept/f", "x")
	write(t, dir+"/gone/a/b", "x")
	must(t, os.Symlink(dir+"/kept", dir+"/gone/link"))
	deep(t, dir+"/gone", 3*flattenAt)
	must(t, Remove(t.Context(), at(t, dir+"/gone")))
	if _, err := os.Lstat(dir + "/gone"); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
	if read(t, dir+"/kept/f") != "x" {
		t.Error("a link was followed")
	}
	must(t, Remove(t.Context(), at(t, dir+"/gone")))
}

// deep makes a tree of directories in one another.
func deep(t *testing.T, dir string, levels int) {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	must(t, err)
	for range levels {
		must(t, unix.Mkdirat(fd, "deeper", 0o755))
		next, err := unix.Openat(fd, "deeper", unix.O_PATH|unix.O_DIRECTORY, 0)
		must(t, err)
		unix.Close(fd)
		fd = next
	}
	unix.Close(fd)
}

func TestCopyDeep(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(dir+"/src", 0o755))
	deep(t, dir+"/src", maxDepth+10)
	err := copyTree(t, dir+"/src", dir+"/dst", Options{})
	for _, d := range []string{"/src", "/dst"} {
		must(t, Remove(t.Context(), at(t, dir+d)))
	}
	if !errors.Is(err, unix.ENAMETOOLONG) {
		t.Errorf("got %.200v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return strings.TrimSpace(string(b))
}

func stat(t *testing.T, path string) *syscall.Stat_t {
	t.Helper()
	st, err := os.Lstat(path)
	must(t, err)
	return st.Sys().(*syscall.Stat_t)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
