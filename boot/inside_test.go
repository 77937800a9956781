// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// processSpec asks for much that concerns processes.
func processSpec() Spec {
	adjust := 300
	return Spec{
		Name: "web", Root: "/srv/tree", Command: []string{"/bin/echo", "hello"},
		Security: Security{
			AddCapabilities: []string{"CAP_SYS_TIME"}, DropCapabilities: []string{"CAP_NET_ADMIN", "CAP_SYS_ADMIN"},
			AmbientCapabilities: []string{"CAP_NET_RAW"}, NoNewPrivileges: true, DenySystemCalls: []string{"@mount"},
			AllowAddressFamilies: []string{"AF_UNIX", "AF_NETLINK"}, SuppressSync: true,
		},
		Limits: ProcLimits{
			Rlimit:         map[string]string{"nofile": "100:200", "core": "1M"},
			OOMScoreAdjust: &adjust, CPUAffinity: "0,2-3",
		},
		User: "guest", WorkingDirectory: "/srv", KillSignal: "SIGUSR1",
	}
}

// programs are what can be run inside, besides the report, by name.
func programs() map[string]func() int {
	return map[string]func() int{"guard": guardOnce, "status": printStatus, "announce": announce, "stay": stay, "journal": sendJournal}
}

// printStatus prints what the kernel says of the process, as JSON.
func printStatus() int {
	seen := map[string]string{}
	read := func(path string) string { b, _ := os.ReadFile(path); return strings.TrimSpace(string(b)) }
	for line := range strings.Lines(read("/proc/self/status")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
		seen[key] = value
	}
	for line := range strings.Lines(read("/proc/self/limits")) {
		if name, rest := line[:26], strings.Fields(line[26:]); strings.HasPrefix(name, "Max") {
			seen[strings.TrimSpace(name)] = strings.Join(rest[:2], ":")
		}
	}
	seen["oom"] = read("/proc/self/oom_score_adj")
	seen["args"], seen["A_B"], seen["D"] = strings.Join(os.Args[1:], "|"), os.Getenv("A_B"), os.Getenv("D")
	for _, name := range []string{"HOME", "USER", "LOGNAME"} {
		seen[name] = os.Getenv(name)
	}
	seen["asked"] = read("/tmp/getent")
	if f, err := os.OpenFile("/proc/self/fd/1", os.O_WRONLY, 0); err == nil {
		seen["reopen"] = "ok"
		f.Close()
	}
	seen["cwd"], _ = os.Getwd()
	seen["personality"] = read("/proc/self/personality")
	try := func(name string, err error) {
		seen[name] = "ok"
		if err != nil {
			seen[name] = err.Error()
		}
	}
	try("mount", unix.Mount("none", "/tmp", "tmpfs", 0, ""))
	for name, family := range map[string]int{"unix": unix.AF_UNIX, "inet": unix.AF_INET} {
		fd, err := unix.Socket(family, unix.SOCK_DGRAM, 0)
		try(name, err)
		_ = unix.Close(fd)
	}
	try("fsync", unix.Fsync(1)) // a pipe, which cannot be synced
	_ = json.NewEncoder(os.Stdout).Encode(seen)
	return 0
}

// statusInside runs printStatus in a machine.
func statusInside(t *testing.T, change func(*Spec)) map[string]string {
	t.Helper()
	out, status := bootInside(t, "status", change)
	seen := map[string]string{}
	if err := json.Unmarshal(out, &seen); err != nil || status.ExitStatus() != 0 {
		t.Fatalf("%v: output %q, %v", err, out, status)
	}
	return seen
}

// expect compares what was seen inside with what there should be.
func expect(t *testing.T, seen, want map[string]string) {
	t.Helper()
	for key, value := range want {
		if seen[key] != value {
			t.Errorf("%s is %q, want %q", key, seen[key], value)
		}
	}
}
