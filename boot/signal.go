// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Real-time signals as the C library counts them: of the kernel's, the first two are its own (signal(7)).
const (
	firstRealTime = 34
	lastRealTime  = 64
)

// StopSignal is SIGRTMIN+3, which asks a systemd that is PID 1 to power off (systemd(1)).
const StopSignal = unix.Signal(firstRealTime + 3)

// ParseSignal reads the name of a signal, with or without SIG, or its number.
func ParseSignal(text string) (unix.Signal, error) {
	name := strings.TrimPrefix(text, "SIG")
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= lastRealTime {
		return unix.Signal(n), nil
	}
	if n := unix.SignalNum("SIG" + name); n != 0 {
		return n, nil
	}
	for base, first := range map[string]int{"RTMIN": firstRealTime, "RTMAX": lastRealTime} {
		if offset, ok := strings.CutPrefix(name, base); ok {
			n, ok := signalOffset(offset)
			if n += first; ok && n >= firstRealTime && n <= lastRealTime {
				return unix.Signal(n), nil
			}
		}
	}
	return 0, fmt.Errorf("there is no signal %q: it is a name such as SIGTERM or SIGRTMIN+3, or a number", text)
}

// signalOffset reads a number with a sign, or nothing.
func signalOffset(text string) (int, bool) {
	if text == "" {
		return 0, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && strings.ContainsAny(text[:1], "+-")
}

// AskedToEnd is the signal that is set to ask the machine to end; 0 if there is none.
func (s Spec) AskedToEnd() unix.Signal {
	signal, _ := ParseSignal(s.KillSignal)
	return signal
}

// endSignal asks a machine to end: an init that is systemd by what it takes as the wish to power off, a command by force, for as
// PID 1 it is deaf to what it has no handler for.
func (s Spec) endSignal() unix.Signal {
	if signal := s.AskedToEnd(); signal != 0 {
		return signal
	}
	if len(s.Command) > 0 {
		return unix.SIGKILL
	}
	return StopSignal
}

// stopTime is how long a container may take to end when its scope is stopped, as with other runtimes.
const stopTime = 10 * time.Second

// stopProperties say how the scope is stopped: a machine in the foreground, which has no service that asks it to end, by the signal that
// does. SIGTERM, systemd's own, a PID 1 that does not heed it would sit out.
func (p *Plan) stopProperties() []UnitProperty {
	if !p.foreground() {
		return nil
	}
	if c := p.Spec.Container; c != nil {
		return []UnitProperty{{"KillSignal", int32(c.Process.StopSignal)}, {"TimeoutStopUSec", uint64(stopTime.Microseconds())}}
	}
	return []UnitProperty{{"KillSignal", int32(p.Spec.endSignal())}}
}
