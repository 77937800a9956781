// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// census is all processes of the host: those in no machine's PID namespace.
type census map[int]process

type process struct {
	name   string // as in /proc/PID/comm, at most 15 characters
	parent int
	pss    float64 // KiB; shared pages are divided among those who share them (proc(5), smaps_rollup)
}

func look() (census, error) {
	all := census{}
	paths, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		pid, _ := strconv.Atoi(filepath.Base(path))
		if pid == os.Getpid() {
			continue
		}
		p, onHost, err := readProcess(path)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, os.ErrProcessDone):
		case err != nil:
			return nil, err
		case onHost:
			all[pid] = p
		}
	}
	return all, nil
}

func readProcess(path string) (p process, onHost bool, err error) {
	status, err := os.ReadFile(path + "/status")
	if err != nil {
		return p, false, err
	}
	fields := colonFields(status)
	// One number for each PID namespace from ours down to its own (proc(5)).
	if len(strings.Fields(fields["NSpid"])) != 1 || fields["VmSize"] == "" {
		return p, false, nil
	}
	rollup, err := os.ReadFile(path + "/smaps_rollup")
	if err != nil {
		return p, false, err
	}
	p.name = fields["Name"]
	p.parent, _ = strconv.Atoi(fields["PPid"])
	p.pss, err = strconv.ParseFloat(strings.TrimSuffix(colonFields(rollup)["Pss"], " kB"), 64)
	return p, true, err
}

func colonFields(text []byte) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			values[key] = strings.TrimSpace(value)
		}
	}
	return values
}

// newcomers are processes that were not there before, without the workers
// that udev keeps for a while.
func (c census) newcomers(before census) []process {
	var list []process
	for pid, p := range c {
		old, ok := before[pid]
		if (!ok || old.name != p.name) && c[p.parent].name != udev {
			list = append(list, p)
		}
	}
	return list
}

const udev = "systemd-udevd"

// daemon is the memory of the processes of that name.
func (c census) daemon(name string) float64 {
	var sum float64
	for _, p := range c {
		if p.name == name {
			sum += p.pss
		}
	}
	return sum
}

func (c census) pss() float64 {
	var sum float64
	for _, p := range c {
		sum += p.pss
	}
	return sum
}

func pssOf(list []process) float64 {
	var sum float64
	for _, p := range list {
		sum += p.pss
	}
	return sum
}
