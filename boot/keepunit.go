// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// KeepUnit has machines stay in the unit of their starter, as --keep-unit of systemd-nspawn(1) does, instead of a scope of their own.
// The unit must delegate its cgroup (Delegate=yes). Limits and devices are the unit's.
type KeepUnit struct{}

// The cgroups below the unit's: processes can only be in those that have none below (cgroup v2, "No Internal Process Constraint").
// The names are systemd-nspawn's.
const (
	payloadCgroup    = "payload"
	supervisorCgroup = "supervisor"
)

// StartScope implements [Units]: it moves the machine's first process below the unit's cgroup.
func (KeepUnit) StartScope(_ context.Context, s Scope) (end func(), err error) { return nil, remain(s) }

func remain(s Scope) error {
	if len(s.Properties) > 0 || s.Slice != "" {
		return errors.New("the machine stays in the unit of its starter, so slice and limits are that unit's: set them there")
	}
	dir, err := cgroupOf(os.Getpid())
	if err != nil {
		return err
	}
	dir = strings.TrimSuffix(dir, "/"+supervisorCgroup) // of an earlier boot, or DelegateSubgroup=
	unit := unitIn(strings.TrimPrefix(dir, cgroupRoot()))
	if unit == "" || filepath.Base(dir) != unit || strings.HasPrefix(unit, "session-") || strings.HasPrefix(unit, "user@") {
		return errors.New("the machine cannot stay in the unit of its starter, which is none of its own: start it from a service with Delegate=yes")
	}
	for _, name := range []string{payloadCgroup, supervisorCgroup} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("divide cgroup of unit %q: %w: does it have Delegate=yes?", unit, err)
		}
	}
	if err := moveAll(dir, filepath.Join(dir, supervisorCgroup)); err != nil {
		return fmt.Errorf("divide cgroup of unit %q: %w", unit, err)
	}
	enableControllers(dir)
	return join(filepath.Join(dir, payloadCgroup), fmt.Sprint(s.PID))
}

// moveAll moves all processes from one cgroup to another.
func moveAll(from, to string) error {
	text, err := os.ReadFile(filepath.Join(from, "cgroup.procs"))
	if err != nil {
		return err
	}
	for _, pid := range bytes.Fields(text) {
		if err := join(to, string(pid)); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}

func join(cgroup, pid string) error {
	return os.WriteFile(filepath.Join(cgroup, "cgroup.procs"), []byte(pid), 0)
}

// enableControllers has the cgroups below one divide what it has, as far as that can be.
func enableControllers(dir string) {
	controllers, _ := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	for _, name := range bytes.Fields(controllers) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), append([]byte("+"), name...), 0)
	}
}
