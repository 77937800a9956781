// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"runtime"
)

// Execution domains (linux/personality.h).
const (
	perLinux   = 0
	perLinux32 = 8
)

// personalities are what a kernel can pretend to be, by the architecture that it is made for: its own and the one whose programs it
// may run too (systemd.exec(5), Personality=).
func personalities(arch string) map[string]uintptr {
	switch arch {
	case "amd64":
		return map[string]uintptr{"x86-64": perLinux, "x86": perLinux32}
	case "arm64":
		return map[string]uintptr{"arm64": perLinux, "arm": perLinux32}
	}
	return nil
}

// personality is what the machine's programs are told the kernel is; nil for the caller's.
func (s Spec) personality() (*uintptr, error) {
	if s.Personality == "" {
		return nil, nil
	}
	domain, ok := personalities(runtime.GOARCH)[s.Personality]
	if !ok {
		return nil, fmt.Errorf("personality %q is none that this host's kernel has: on x86-64 x86-64 and x86, on arm64 arm64 and arm", s.Personality)
	}
	return &domain, nil
}
