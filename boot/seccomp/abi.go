// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"fmt"

	"golang.org/x/sys/unix"
)

//go:generate go test -run ^TestTables$ -update .

// call is one line of a table: a number, and the call's place in callNames.
type call struct {
	number uint32
	name   uint16
}

// abi is what the kernel reports as one architecture, with the numbers in use there, rising over all tables.
type abi struct {
	arch   uint32 // AUDIT_ARCH_…, linux/audit.h
	tables [][]call
}

// x32 marks the numbers of the x32 ABI. It is reported as x86_64, and told apart by this bit of the number alone.
//
// It has tables here although few kernels still run it (Debian's only with syscall.x32=y), because nspawn has, and a
// filter that covers it costs nothing where it is off. What matters is that it is looked at at all: a filter which
// knows only x86_64's numbers would have to refuse it, and one that masks the bit off would judge 0x40000200 by
// number 512, which is another call.
const x32 = 0x40000000

// abisOf returns what a CPU can be asked for, the native numbering first.
func abisOf(goarch string) ([]abi, error) {
	switch goarch {
	case "amd64":
		return []abi{
			{unix.AUDIT_ARCH_X86_64, [][]call{callsX86_64[:], callsX32[:]}},
			{unix.AUDIT_ARCH_I386, [][]call{callsI386[:]}},
		}, nil
	case "arm64":
		return []abi{
			{unix.AUDIT_ARCH_AARCH64, [][]call{callsAARCH64[:]}},
			{unix.AUDIT_ARCH_ARM, [][]call{callsARM[:]}},
		}, nil
	}
	return nil, fmt.Errorf("look up system calls of CPU %q: no table", goarch)
}
