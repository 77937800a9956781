// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// host is where the figures are from.
type host struct {
	OS      string `json:"os"`
	Kernel  string `json:"kernel"`
	CPUs    int    `json:"cpus"`
	Load    string `json:"load_after"`
	Systemd string `json:"systemd"`
	Crun    string `json:"crun"`
	Ours    string `json:"machined_go"`
}

func describeHost() host {
	file := func(path string) string {
		text, _ := os.ReadFile(path)
		return trimmed(text)
	}
	version := func(name string, args ...string) string {
		text, _ := exec.Command(name, args...).Output()
		first, _, _ := strings.Cut(trimmed(text), "\n")
		return first
	}
	release := properties([]byte(file("/etc/os-release")))
	return host{
		OS: strings.Trim(release["PRETTY_NAME"], `"`), Kernel: file("/proc/sys/kernel/osrelease"),
		CPUs: runtime.NumCPU(), Load: file("/proc/loadavg"),
		Systemd: version("systemctl", "--version"), Crun: version("crun", "--version"), Ours: version("mctl", "version"),
	}
}

func (h host) String() string {
	return fmt.Sprintf("%s, kernel %s, %d CPUs, load after %s\n%s; %s; %s", h.OS, h.Kernel, h.CPUs, h.Load, h.Systemd, h.Crun, h.Ours)
}

func trimmed(text []byte) string { return strings.TrimSpace(string(text)) }
