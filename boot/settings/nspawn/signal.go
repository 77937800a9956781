// SPDX-License-Identifier: Apache-2.0

package nspawn

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"machined-go/boot"
)

// Real-time signals as the C library counts them: of the kernel's, the first two are its own.
const (
	firstRealTime = 34
	lastRealTime  = 64
)

// killSignal takes a signal by name, with or without SIG, or by number.
func killSignal(s *boot.Spec, value string) error {
	name := strings.TrimPrefix(value, "SIG")
	if n, err := strconv.Atoi(name); err == nil {
		if n < 1 || n > lastRealTime {
			return fmt.Errorf("there is no signal %d", n)
		}
		if name = strings.TrimPrefix(unix.SignalName(unix.Signal(n)), "SIG"); n >= firstRealTime {
			name = "RTMIN+" + strconv.Itoa(n-firstRealTime)
		}
	}
	if !knownSignal(name) {
		return fmt.Errorf("there is no signal %q", value)
	}
	s.KillSignal = "SIG" + name
	return nil
}

func knownSignal(name string) bool {
	for _, end := range []string{"RTMIN", "RTMAX"} {
		if offset, ok := strings.CutPrefix(name, end); ok {
			n, err := strconv.Atoi(offset)
			down := end == "RTMAX"
			return offset == "" || err == nil && strings.ContainsAny(offset[:1], "+-") && (n <= 0) == down && max(n, -n) <= lastRealTime-firstRealTime
		}
	}
	return unix.SignalNum("SIG"+name) != 0
}
