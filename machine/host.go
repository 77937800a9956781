// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"encoding/hex"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// hostMachine is the machine ".host": it is always there and never collected.
func hostMachine() Machine {
	m := Machine{
		Name: HostName, Class: ClassHost, RootDirectory: "/", Unit: "-.slice",
		Leader: &Process{PID: 1, fd: -1}, VSockCID: VSockAny,
	}
	if b, err := os.ReadFile("/etc/machine-id"); err == nil {
		if id, err := hex.DecodeString(string(bytes.TrimSpace(b))); err == nil && len(id) == 16 {
			copy(m.ID[:], id)
		}
	}
	// The clock since boot tells when that was.
	real, mono := now()
	m.Realtime, m.Monotonic = real-mono, 0
	return m
}

// now reads the wall clock and CLOCK_MONOTONIC, in µs.
func now() (realtime, monotonic uint64) {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return uint64(time.Now().UnixMicro()), uint64(ts.Nano() / 1000)
}

// parentOf is the parent of a process, 0 if there is none to see.
func parentOf(pid int) int {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	return int(number(statField(b, 4), 31))
}
