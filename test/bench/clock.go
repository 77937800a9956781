// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// moment is a time of the kernel's monotonic clock, by which every systemd,
// host's and guest's, dates what it does (systemctl show, …TimestampMonotonic).
type moment time.Duration

func now() moment {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail
	return moment(ts.Nano())
}

// since gives milliseconds.
func (m moment) since(earlier moment) float64 {
	return time.Duration(m-earlier).Seconds() * 1000
}
