// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPollerTellsOfDataAndDeath(t *testing.T) {
	p, err := NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := p.Run(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	}()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	data := make(chan struct{}, 8)
	if err := p.Add(pipe[0], func() { data <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	unix.Write(pipe[1], []byte("x"))
	await(t, data, "data")

	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	died := make(chan struct{}, 8)
	if err := p.Add(pidfd, func() { died <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	await(t, died, "death")
	cmd.Wait()

	p.Remove(pipe[0])
	unix.Write(pipe[1], []byte("y"))
	select {
	case <-data:
		t.Error("called after Remove")
	case <-time.After(50 * time.Millisecond):
	}
}

func await(t *testing.T, ch chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(5 * time.Second):
		t.Fatalf("not told of %s", what)
	}
}
