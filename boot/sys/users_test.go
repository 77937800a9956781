// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestUsersOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("runs a process as somebody else: needs root")
	}
	cmd := exec.Command("unshare", "-U", "sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 1000 {
		fd, err := UsersOf(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		uid, err := UsersOwner(fd)
		unix.Close(fd)
		if err != nil {
			t.Fatal(err)
		}
		if uid == 1234 {
			return
		}
		unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
	}
	t.Error("the owner of the namespace is not who made it")
}
