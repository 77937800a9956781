// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOnThreadIsNeverTheFirst(t *testing.T) {
	for range 50 {
		if err := OnThread(func() error {
			if unix.Gettid() == unix.Getpid() {
				t.Error("on the first thread")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// What is made belongs to the ids, also where only a capability lets one write.
func TestAsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("takes other ids: needs root")
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := AsOwner(70000, 70001, func() error { return os.WriteFile(file, nil, 0o600) }); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if s := st.Sys().(*syscall.Stat_t); s.Uid != 70000 || s.Gid != 70001 {
		t.Errorf("owner is %d:%d", s.Uid, s.Gid)
	}
}

// No thread stays behind in the network it visited.
func TestInNetworkReturns(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes a network namespace: needs root")
	}
	var ns *os.File
	err := OnThread(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			ns, err = os.Open("/proc/thread-self/ns/net")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	home := stat(t, "/proc/self/ns/net")
	there, err := ns.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		err := InNetwork(int(ns.Fd()), func() error {
			if !os.SameFile(stat(t, "/proc/thread-self/ns/net"), there) {
				t.Error("not in the network")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	threads, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil || len(threads) < 2 {
		t.Fatalf("threads: %q, %v", threads, err)
	}
	for _, path := range threads {
		if here, err := os.Stat(path); err == nil && !os.SameFile(here, home) {
			t.Errorf("%s is of another network", path)
		}
	}
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}
