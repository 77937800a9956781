// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/machine/systemd1"
)

// A machine may be only a part of its unit: what runs in one cgroup below that
// of the unit (systemd 258 and newer registers systemd-nspawn@ so). Several
// machines of one unit are told apart by it.

// subgroupKiller is a systemd that can kill a part of a unit.
type subgroupKiller interface {
	KillSubgroup(ctx context.Context, unit, subgroup string, signal int32) error
}

// killSubgroup sends a signal to all processes of a part of a unit.
func (m *Manager) killSubgroup(ctx context.Context, mach *Machine, signal int32) error {
	if k, ok := m.units.(subgroupKiller); ok {
		err := k.KillSubgroup(ctx, mach.Unit, mach.Subgroup, signal)
		if !errors.Is(err, systemd1.ErrNoSubgroups) {
			return err
		}
	}
	state, err := m.units.State(ctx, mach.Unit)
	if err != nil {
		return err
	}
	if state.ControlGroup == "" {
		return fmt.Errorf("kill machine %q: unit %q has no processes: %w", mach.Name, mach.Unit, unix.ESRCH)
	}
	killed, err := killGroup(filepath.Join(groupRoot, state.ControlGroup, mach.Subgroup), unix.Signal(signal), 0)
	if err == nil && killed == 0 {
		err = unix.ESRCH
	}
	if err != nil {
		return fmt.Errorf("kill machine %q: %w", mach.Name, err)
	}
	return nil
}

const (
	// groupRoot is where cgroup v2 is mounted.
	groupRoot = "/sys/fs/cgroup"
	// maxGroupDepth bounds how deep cgroups that a machine makes are followed.
	maxGroupDepth = 64
)

// killGroup signals the processes of a cgroup and of those below it. Each is
// held by a pidfd and looked at again, so that a number used anew is spared.
func killGroup(dir string, signal unix.Signal, depth int) (killed int, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) { // a threaded cgroup has none
		return 0, err
	}
	for field := range strings.FieldsSeq(string(b)) {
		pid, _ := strconv.Atoi(field)
		if pid > 1 && signalIn(dir, pid, signal) {
			killed++
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || depth >= maxGroupDepth {
		return killed, err
	}
	for _, e := range entries {
		if e.IsDir() {
			n, _ := killGroup(filepath.Join(dir, e.Name()), signal, depth+1) // gone meanwhile
			killed += n
		}
	}
	return killed, nil
}

// signalIn signals a process if it is in that cgroup.
func signalIn(dir string, pid int, signal unix.Signal) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	group, err := cgroupOf(strconv.Itoa(pid))
	if err != nil || !strings.HasPrefix(filepath.Join(groupRoot, group)+"/", dir+"/") {
		return false
	}
	return unix.PidfdSendSignal(fd, signal, nil, 0) == nil
}

// groupOf is the cgroup of a machine that is a part of its unit, found by its
// leader, who may be in a cgroup below.
func groupOf(leaderGroup, subgroup string) (string, bool) {
	i := strings.LastIndex(leaderGroup+"/", "/"+subgroup+"/")
	if subgroup == "" || i < 0 {
		return "", false
	}
	return leaderGroup[:i] + "/" + subgroup, true
}

// watchGroup has the machine looked at each time that its cgroup becomes empty
// or not, if it is a part of its unit.
func (m *Manager) watchGroup(e *entry) {
	if e.Subgroup == "" {
		return
	}
	group, err := cgroupOf(strconv.Itoa(e.Leader.PID))
	if err != nil {
		return // then its unit has to tell
	}
	dir, ok := groupOf(group, e.Subgroup)
	if !ok {
		return
	}
	f, err := os.Open(filepath.Join(groupRoot, dir, "cgroup.events"))
	if err != nil {
		return
	}
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	f.Close()
	if err != nil {
		return
	}
	name := e.Name
	if err := m.watch.Add(fd, func() { m.Check(name) }); err != nil {
		unix.Close(fd)
		return
	}
	e.events = fd
}

// unwatchGroup ends what watchGroup began.
func (m *Manager) unwatchGroup(e *entry) {
	if e.events > 0 {
		m.watch.Remove(e.events)
		unix.Close(e.events)
		e.events = 0
	}
}
