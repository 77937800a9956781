// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// UseProcessors limits a process of one thread to the processors in a bit mask that is not empty, the lowest bit of the first byte
// for number 0. Those that are not there do not count; EINVAL if none is.
func UseProcessors(pid int, mask []byte) error {
	_, _, errno := unix.Syscall(unix.SYS_SCHED_SETAFFINITY, uintptr(pid), uintptr(len(mask)), uintptr(unsafe.Pointer(&mask[0])))
	if errno != 0 {
		return fmt.Errorf("sched_setaffinity: %w", errno)
	}
	return nil
}
