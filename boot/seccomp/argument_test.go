// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSuppressSync(t *testing.T) {
	const oSync, oDsync, negative = unix.O_SYNC, unix.O_DSYNC, 1<<32 - 1
	for _, n := range numberings() {
		policy := usual(n.goarch)
		policy.SuppressSync = true
		prog := program(t, policy)
		sound(t, prog)
		for _, test := range []struct {
			call string
			args [6]uint64
			want string
		}{
			{"fsync", [6]uint64{3}, "success"},
			{"fsync", [6]uint64{negative}, "allow"},
			{"fdatasync", [6]uint64{0}, "success"},
			{"syncfs", [6]uint64{1<<31 - 1}, "success"},
			{"syncfs", [6]uint64{1 << 31}, "allow"},
			{"sync", [6]uint64{}, "success"},
			{"msync", [6]uint64{negative}, "success"},
			{"openat", [6]uint64{negative, 0, unix.O_RDWR | unix.O_CREAT}, "allow"},
			{"openat", [6]uint64{negative, 0, oSync}, "EINVAL"},
			{"openat", [6]uint64{negative, oSync, oDsync}, "EINVAL"},
			{"openat", [6]uint64{negative, oSync, 0}, "allow"},
			{"openat2", [6]uint64{}, "ENOSYS"},
			{"write", [6]uint64{3}, "allow"},
		} {
			d := data{n.number(t, test.call), n.arch, test.args}
			if got := action(must(t, prog, d)); got != test.want {
				t.Errorf("%s: %s%v: %s, want %s", n.name, test.call, test.args, got, test.want)
			}
		}
	}
	i386 := program(t, Policy{SuppressSync: true, Arch: "amd64"})
	if got := action(must(t, i386, data{5, unix.AUDIT_ARCH_I386, [6]uint64{0, oSync}})); got != "EINVAL" {
		t.Errorf("open on i386: %s", got)
	}
}

// A call that settings deny stays denied: suppressing it must not make a success of it.
func TestSuppressSyncKeepsDenials(t *testing.T) {
	n := numberings()[0]
	policy := usual(n.goarch)
	policy.SuppressSync, policy.Deny = true, []string{"@sync", "openat2"}
	prog := program(t, policy)
	for _, call := range []string{"fsync", "sync", "openat2"} {
		if got := action(must(t, prog, data{number: n.number(t, call), arch: n.arch})); got != "EPERM" {
			t.Errorf("%s: %s, want EPERM", call, got)
		}
	}
}

func TestKernelSuppressesSync(t *testing.T) {
	if !inChild(t) {
		return
	}
	file, err := os.OpenFile(filepath.Join(t.TempDir(), "file"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file.Name()); err != nil { // the filter would hinder the clean-up
		t.Fatal(err)
	}
	pipe := make([]int, 2)
	if err := unix.Pipe(pipe); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	if err := unix.Fsync(pipe[0]); err != unix.EINVAL {
		t.Fatalf("fsync of a pipe without a filter: %v, want EINVAL", err)
	}
	policy := usual("")
	policy.SuppressSync = true
	install(t, program(t, policy))
	if err := unix.Fsync(pipe[0]); err != nil {
		t.Errorf("fsync of a pipe: %v, want that nobody looks", err)
	}
	if err := unix.Fsync(-1); err != unix.EBADF {
		t.Errorf("fsync of no file: %v, want EBADF", err)
	}
	if _, err := unix.Openat(unix.AT_FDCWD, "/dev/null", unix.O_WRONLY|unix.O_SYNC, 0); err != unix.EINVAL {
		t.Errorf("open with O_SYNC: %v, want EINVAL", err)
	}
}
