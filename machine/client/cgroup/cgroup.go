// SPDX-License-Identifier: Apache-2.0

// Package cgroup reads the cgroup v2 hierarchy (cgroups(7)): which processes are
// in a group and below it, and what they use.
package cgroup

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Unknown is what a group uses when its controller is not there.
const Unknown = -1

// Group is one group, with those below it.
type Group struct {
	Name      string // last part of its path
	Processes []Process
	Groups    []*Group // by name
}

// Process is a process as the host sees it.
type Process struct {
	PID     int
	Command string // its command line, or its name in brackets
}

// Usage is what a group and all below it use.
type Usage struct {
	Memory int64 // bytes
	Tasks  int64
}

// Mount finds where the cgroup v2 hierarchy is mounted. With a hybrid setup
// that is beside the old controllers.
func Mount() (string, error) {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	if path := mountPoint(string(text), "cgroup2"); path != "" {
		return path, nil
	}
	return "", fmt.Errorf("find the cgroup v2 hierarchy: it is not mounted")
}

// mountPoint is where the first file system of a type is mounted by the text of
// /proc/PID/mounts, "" if there is none. There, blanks, line breaks and
// backslashes of a path are octal numbers (fstab(5), getmntent(3)).
func mountPoint(text, kind string) string {
	for line := range strings.Lines(text) {
		if fields := strings.Split(line, " "); len(fields) > 2 && fields[2] == kind {
			return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#").Replace(fields[1])
		}
	}
	return ""
}

// Read reads a group below a mounted hierarchy. Groups and processes that end
// meanwhile are left out.
func Read(mount, path string) (*Group, error) {
	return read(filepath.Join(mount, path), "/proc")
}

func read(dir, proc string) (*Group, error) {
	group := &Group{Name: filepath.Base(dir)}
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			continue
		}
		if command, ok := command(proc, pid); ok {
			group.Processes = append(group.Processes, Process{pid, command})
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		if below, err := read(filepath.Join(dir, entry.Name()), proc); err == nil {
			group.Groups = append(group.Groups, below)
		}
	}
	return group, nil
}

// command gives a process's command line; false if the process is gone.
func command(proc string, pid int) (string, bool) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return "", false
	}
	line = bytes.TrimRight(line, "\x00")
	if len(line) > 0 {
		return strings.ReplaceAll(string(line), "\x00", " "), true
	}
	name, err := os.ReadFile(filepath.Join(dir, "comm"))
	return "[" + strings.TrimSpace(string(name)) + "]", err == nil
}

// Use reads what a group below a mounted hierarchy uses.
func Use(mount, path string) (Usage, error) {
	dir := filepath.Join(mount, path)
	if _, err := os.Stat(dir); err != nil {
		return Usage{Unknown, Unknown}, err
	}
	return Usage{number(dir, "memory.current"), number(dir, "pids.current")}, nil
}

func number(dir, file string) int64 {
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return Unknown
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return Unknown
	}
	return n
}

// Count gives the number of processes in the group and below.
func (g *Group) Count() int {
	n := len(g.Processes)
	for _, below := range g.Groups {
		n += below.Count()
	}
	return n
}
