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
)

// Errors of pauses. Who gets one may act on it.
var (
	ErrNotAlone = errors.New("it shares its unit with others")
	ErrPaused   = errors.New("it is paused, and answers nobody until it is resumed")
)

// Pause has the kernel stop all processes of a machine, through systemd. Only a
// machine that has a scope to itself can be paused: else others would be
// stopped too, such as the process that looks after it.
func (m *Manager) Pause(ctx context.Context, name string) error {
	if mach, err := m.Get(name); err == nil && mach.State == Closing {
		return fmt.Errorf("pause machine %q: it is going down: %w", name, unix.EBUSY)
	}
	return m.freezer(ctx, "pause", name, m.units.Freeze)
}

// Resume lets the processes of a paused machine go on.
func (m *Manager) Resume(ctx context.Context, name string) error {
	return m.freezer(ctx, "resume", name, m.units.Thaw)
}

func (m *Manager) freezer(ctx context.Context, verb, name string, do func(ctx context.Context, unit string) error) error {
	mach, err := m.Get(name)
	switch {
	case err != nil:
		return err
	case mach.IsHost():
		return fmt.Errorf("%s %q: %w", verb, name, ErrNotHost)
	case !mach.alone():
		return fmt.Errorf("%s machine %q: %w: %s", verb, name, ErrNotAlone, mach.Unit)
	}
	if err := do(ctx, mach.Unit); err != nil {
		return fmt.Errorf("%s machine %q: %w", verb, name, err)
	}
	return nil
}

// alone tells whether the machine is a container in a scope that was made for
// it.
func (m *Machine) alone() bool {
	return m.Class == ClassContainer && m.Subgroup == "" && m.Unit == ScopeName(m.Name)
}

// Paused tells whether the machine's processes are stopped, as the kernel has
// it: whoever did it, and also if the slice was frozen that the machine is in.
func (m *Machine) Paused() bool {
	b, err := os.ReadFile(m.eventsPath())
	return err == nil && strings.Contains(string(b), "frozen 1") && m.Leader.Alive()
}

// eventsPath is the cgroup.events of the machine's unit, which is found by its
// leader (cgroups(7)).
func (m *Machine) eventsPath() string {
	group, err := cgroupOf(strconv.Itoa(m.Leader.PID))
	if err != nil {
		return ""
	}
	above, _, ok := strings.Cut(group+"/", "/"+m.Unit+"/") // the first: what is below, the machine names
	if !ok {
		return ""
	}
	return filepath.Join(groupRoot, above, m.Unit, "cgroup.events")
}

// wake resumes a machine that has to end: what is stopped cannot heed that.
func (m *Manager) wake(ctx context.Context, mach *Machine) error {
	if !mach.alone() || !mach.Paused() {
		return nil
	}
	m.log.Info("paused machine is resumed, for it has to end", "machine", mach.Name)
	return m.units.Thaw(ctx, mach.Unit)
}

// asksToEnd tells whether a signal is one at which an init powers off or
// reboots (systemd(1), "Signals"; init(8)). The C library's SIGRTMIN is 34.
func asksToEnd(signal unix.Signal) bool {
	const realTime = 34
	switch signal {
	case unix.SIGINT, unix.SIGTERM, unix.SIGPWR:
		return true
	}
	return signal >= realTime+3 && signal <= realTime+17
}

// FollowPauses calls changed each time that a machine may have been paused or
// resumed, until stop is called. It must return at once.
func (m *Manager) FollowPauses(mach Machine, changed func()) (stop func(), err error) {
	fd, err := unix.Open(mach.eventsPath(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		if err = m.watch.Add(fd, changed); err != nil {
			unix.Close(fd)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("follow pauses of machine %q: %w", mach.Name, err)
	}
	return func() {
		m.watch.Remove(fd)
		unix.Close(fd)
	}, nil
}
