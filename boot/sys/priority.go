// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// SetIOPriority sets the I/O priority of a process: class and level as ioprio_set(2) packs them.
func SetIOPriority(pid, priority int) error {
	const whoProcess = 1
	if _, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, whoProcess, uintptr(pid), uintptr(priority)); errno != 0 {
		return fmt.Errorf("set I/O priority: %w", errno)
	}
	return nil
}
