// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// nursery is many cheap machines: each is one sleeping process in a scope of
// its own. They share PID, mount and network namespaces, which are not the
// host's, and a root that has an os-release: to a daemon each looks as a whole
// machine does.
type nursery struct {
	parent *exec.Cmd
	pids   []int // as the host sees them
}

// sleepers forks as many processes as its first argument says, in the tree that
// is its second.
const sleepers = `mount -t proc proc "$2/proc" && ip addr add 192.0.2.1/24 dev lo && ip link set lo up || exit
for i in $(seq "$1"); do chroot "$2" sleep infinity & done; wait`

func newNursery(ctx context.Context, tree string, n int) (*nursery, error) {
	// It must not end with the context: its machines are unregistered first.
	parent := exec.Command("unshare", "--fork", "--kill-child", "--pid", "--mount", "--net", "sh", "-c", sleepers, "sh", strconv.Itoa(n), tree)
	if err := parent.Start(); err != nil {
		return nil, err
	}
	f := &nursery{parent: parent}
	if err := f.await(ctx, n); err != nil {
		return nil, errors.Join(err, f.end())
	}
	if err := f.makeScopes(ctx); err != nil {
		return nil, errors.Join(err, f.end())
	}
	return f, nil
}

// await returns when all of them sleep.
func (f *nursery) await(ctx context.Context, n int) error {
	for {
		shell := childrenOf(f.parent.Process.Pid)
		if len(shell) == 1 {
			f.pids = asleep(childrenOf(shell[0]))
		}
		if len(f.pids) == n {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d of %d processes sleep: %w", len(f.pids), n, ctx.Err())
		}
	}
}

func childrenOf(pid int) []int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	var pids []int
	for field := range strings.FieldsSeq(string(text)) {
		child, _ := strconv.Atoi(field)
		pids = append(pids, child)
	}
	return pids
}

func asleep(pids []int) []int {
	var there []int
	for _, pid := range pids {
		if name, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm")); trimmed(name) == "sleep" {
			there = append(there, pid)
		}
	}
	return there
}

type scopeProperty struct {
	Name  string
	Value dbus.Variant
}

type auxiliaryUnit struct {
	Name       string
	Properties []scopeProperty
}

// makeScopes gives each process its unit, since a daemon knows machines apart
// by those.
func (f *nursery) makeScopes(ctx context.Context) error {
	conn, err := dbus.ConnectSystemBus()
	if err != nil {
		return err
	}
	defer conn.Close()
	systemd := conn.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
	for i, pid := range f.pids {
		properties := []scopeProperty{
			{"PIDs", dbus.MakeVariant([]uint32{uint32(pid)})}, {"Slice", dbus.MakeVariant("machine.slice")},
			{"CollectMode", dbus.MakeVariant("inactive-or-failed")},
		}
		err := systemd.CallWithContext(ctx, "org.freedesktop.systemd1.Manager.StartTransientUnit", 0,
			f.scope(i), "fail", properties, []auxiliaryUnit{}).Err
		if err != nil {
			return fmt.Errorf("start %s: %w", f.scope(i), err)
		}
	}
	for i, pid := range f.pids {
		if err := awaitCgroup(ctx, pid, f.scope(i)); err != nil {
			return err
		}
	}
	return nil
}

func awaitCgroup(ctx context.Context, pid int, unit string) error {
	for {
		group, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if err != nil || strings.Contains(string(group), unit) {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("process %d is not in %s: %w", pid, unit, ctx.Err())
		}
	}
}

func (f *nursery) scope(i int) string { return f.name(i) + ".scope" }
func (f *nursery) name(i int) string  { return fmt.Sprintf("scale-%d", i+1) }

// end kills them all; their scopes go with them.
func (f *nursery) end() error {
	for _, pid := range childrenOf(f.parent.Process.Pid) {
		_ = unix.Kill(pid, unix.SIGKILL) // PID 1 of their namespace
	}
	var exit *exec.ExitError
	if err := f.parent.Wait(); !errors.As(err, &exit) {
		return err
	}
	return nil
}
