// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// delegated are the files that a machine's own systemd must be able to write in its cgroup; the others stay the host's, so that
// the limits on the machine cannot be changed from inside (cgroup v2, "Delegation Containment"; as nspawn's chown_cgroup).
var delegated = []string{"", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads", "memory.oom.group", "memory.reclaim"}

// delegateCgroup gives the cgroup that process pid is in to the machine's root.
func delegateCgroup(pid int, owner uint32) error {
	dir, err := cgroupOf(pid)
	if err != nil {
		return err
	}
	for _, name := range delegated {
		err := os.Chown(filepath.Join(dir, name), int(owner), int(owner))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("delegate cgroup: %w", err)
		}
	}
	return nil
}

func cgroupOf(pid int) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return "", fmt.Errorf("find cgroup of process %d: %w", pid, err)
	}
	for line := range bytes.Lines(text) {
		if path, ok := bytes.CutPrefix(line, []byte("0::")); ok {
			return cgroupRoot() + string(bytes.TrimSuffix(path, []byte("\n"))), nil
		}
	}
	return "", fmt.Errorf("find cgroup of process %d: this host has no cgroup v2", pid)
}

// ownUnit is the unit that this process belongs to, or empty if that is none.
func ownUnit() string {
	dir, err := cgroupOf(os.Getpid())
	if err != nil {
		return ""
	}
	return unitIn(strings.TrimPrefix(dir, cgroupRoot()))
}

// unitIn is the unit whose cgroup path is or lies in: the first that is no slice (systemd's cg_path_decode_unit).
func unitIn(path string) string {
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		name := strings.TrimPrefix(part, "_") // how systemd escapes what could be a file of the cgroup
		switch filepath.Ext(name) {
		case ".slice":
		case ".service", ".scope":
			return name
		default:
			return ""
		}
	}
	return ""
}

// cgroupRoot is where cgroup v2 is mounted; hosts that also have v1 keep it in a directory of its own.
func cgroupRoot() string {
	var st unix.Statfs_t
	if unix.Statfs("/sys/fs/cgroup", &st) == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
		return "/sys/fs/cgroup"
	}
	return "/sys/fs/cgroup/unified"
}

// Hasten makes the scope's start faster if it is called first thing, in a goroutine of its own.
//
// To move a process into another cgroup the kernel must first stop all forks, and waits for an RCU grace period of 5 to 20 ms
// until it has, unless somebody moved one just before (cgroup_threadgroup_rwsem, rcu_sync). So we move ourselves, from our
// cgroup to our cgroup, which changes nothing, and the grace period passes while we plan and mount. That it cannot be done
// does no harm.
func Hasten() {
	if dir, err := cgroupOf(os.Getpid()); err == nil {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte("0"), 0)
	}
}
