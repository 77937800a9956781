// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unitOf finds the unit that a process is in, and the cgroup below that unit,
// if it is in one. A process in no unit (in a slice or the root) gives ENXIO.
func unitOf(pid int) (unit, subgroup string, err error) {
	group, err := cgroupOf(strconv.Itoa(pid))
	if err != nil {
		return "", "", err
	}
	root, err := cgroupOf("1")
	if err != nil {
		return "", "", err
	}
	root = strings.TrimSuffix(root, "/init.scope")
	unit, subgroup, ok := splitUnit(strings.TrimPrefix(group, root))
	if !ok {
		return "", "", fmt.Errorf("process %d is in no unit: %w", pid, unix.ENXIO)
	}
	return unit, subgroup, nil
}

// cgroupOf reads a process's cgroup in the hierarchy that systemd uses.
func cgroupOf(pid string) (string, error) {
	b, err := os.ReadFile("/proc/" + pid + "/cgroup")
	if os.IsNotExist(err) {
		return "", fmt.Errorf("read cgroup of process %s: %w", pid, unix.ESRCH)
	}
	if err != nil {
		return "", fmt.Errorf("read cgroup of process %s: %w", pid, err)
	}
	return parseCgroup(string(b)), nil
}

// parseCgroup picks the line of systemd's hierarchy out of /proc/PID/cgroup:
// the named v1 hierarchy where that exists (there systemd does not manage v2),
// else v2.
func parseCgroup(text string) string {
	v2 := ""
	for line := range strings.SplitSeq(text, "\n") {
		if p, ok := strings.CutPrefix(line, "0::"); ok {
			v2 = p
			continue
		}
		_, rest, _ := strings.Cut(line, ":")
		if p, ok := strings.CutPrefix(rest, "name=systemd:"); ok && p != "/" {
			return p
		}
	}
	return v2
}

// splitUnit splits a cgroup path into slices (dropped), the unit and the rest.
func splitUnit(group string) (unit, subgroup string, ok bool) {
	rest := strings.Trim(path.Clean("/"+group), "/")
	for rest != "" {
		first, tail, _ := strings.Cut(rest, "/")
		// systemd puts a "_" before a name that would clash with a kernel file.
		first = strings.TrimPrefix(first, "_")
		if !strings.HasSuffix(first, ".slice") {
			return first, tail, isUnitName(first)
		}
		rest = tail
	}
	return "", "", false
}

// isUnitName tells whether a cgroup of this name is that of a unit: a name of
// at most 255 of the characters that units have (systemd.unit(5)).
func isUnitName(s string) bool {
	const maxUnitName = 255
	dot := strings.LastIndexByte(s, '.')
	if dot <= 0 || len(s) > maxUnitName {
		return false
	}
	for i := 0; i < len(s); i++ {
		if !alnum(s[i]) && strings.IndexByte(`:-_.\@`, s[i]) < 0 {
			return false
		}
	}
	switch s[dot:] {
	case ".scope", ".service", ".mount", ".socket", ".swap":
		return true
	}
	return false
}

// invocationOf reads the invocation id of a unit's present run, "" if there is
// none. systemd keeps it as the target of a symbolic link, so no bus is needed.
func invocationOf(unit string) string {
	id, err := os.Readlink("/run/systemd/units/invocation:" + unit)
	if err != nil {
		return ""
	}
	return id
}
