// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"runtime"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"machined-go/boot/seccomp"
)

// seccomp writes what the machine's filter does.
func (m *making) seccomp() error {
	profile, err := m.plan.Policy.Profile()
	if err != nil {
		return err
	}
	s := &specs.LinuxSeccomp{}
	s.DefaultAction, s.DefaultErrnoRet = saidAction(profile.Default)
	s.Architectures = architectures(profile)
	for _, r := range profile.Rules {
		call := specs.LinuxSyscall{Names: r.Calls}
		call.Action, call.ErrnoRet = saidAction(r.Return)
		for _, a := range r.Args {
			call.Args = append(call.Args, specs.LinuxSeccompArg{Index: uint(a.Index), Value: a.Value, Op: saidOperators[a.Op]})
		}
		s.Syscalls = append(s.Syscalls, call)
	}
	m.config.Linux.Seccomp = s
	return nil
}

// architectures are the host's own and those that it can be spoken to in.
func architectures(p seccomp.Profile) []specs.Arch {
	list := []specs.Arch{map[string]specs.Arch{"amd64": specs.ArchX86_64, "arm64": specs.ArchAARCH64}[runtime.GOARCH]}
	for _, arch := range sortedKeys(compats) {
		if slices.Contains(p.Compat, compats[arch]) {
			list = append(list, arch)
		}
	}
	if p.X32 {
		list = append(list, specs.ArchX32)
	}
	return list
}

var saidOperators = map[seccomp.Op]specs.LinuxSeccompOperator{
	seccomp.Equal: specs.OpEqualTo, seccomp.NotEqual: specs.OpNotEqual, seccomp.GreaterEqual: specs.OpGreaterEqual,
}

func saidAction(ret uint32) (specs.LinuxSeccompAction, *uint) {
	if ret == unix.SECCOMP_RET_ALLOW {
		return specs.ActAllow, nil
	}
	errno := uint(ret & unix.SECCOMP_RET_DATA)
	return specs.ActErrno, &errno
}
