// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ChangeDirectory makes the path at that address the child's working directory, or only tries to; name is what an error will say. It is not reached by a link of /proc that leads to what
// the child has open, and so out of a root that is not to be trusted (openat2(2), Linux 5.6).
func (p *Program) ChangeDirectory(name string, dir uintptr, try bool) *Program {
	how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS}
	result := new(uintptr)
	p.keep = append(p.keep, result)
	p.add(name, op{nr: unix.SYS_OPENAT2, most: anyResult, result: result, tolerate: try},
		[]uintptr{CWD, dir, Pointer(p, how), unsafe.Sizeof(*how)})
	return p.add(name, op{nr: unix.SYS_FCHDIR, most: anyResult, fetched: result, tolerate: try}, nil)
}
