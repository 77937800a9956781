// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"fmt"
	"math"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"machined-go/boot/seccomp"
)

var actions = map[specs.LinuxSeccompAction]uint32{
	specs.ActKill: unix.SECCOMP_RET_KILL_THREAD, specs.ActKillThread: unix.SECCOMP_RET_KILL_THREAD,
	specs.ActKillProcess: unix.SECCOMP_RET_KILL_PROCESS, specs.ActTrap: unix.SECCOMP_RET_TRAP, specs.ActErrno: unix.SECCOMP_RET_ERRNO,
	specs.ActTrace: unix.SECCOMP_RET_TRACE, specs.ActAllow: unix.SECCOMP_RET_ALLOW, specs.ActLog: unix.SECCOMP_RET_LOG,
}

var operators = map[specs.LinuxSeccompOperator]seccomp.Op{
	specs.OpEqualTo: seccomp.Equal, specs.OpNotEqual: seccomp.NotEqual, specs.OpLessThan: seccomp.Less,
	specs.OpLessEqual: seccomp.LessEqual, specs.OpGreaterThan: seccomp.Greater, specs.OpGreaterEqual: seccomp.GreaterEqual,
	specs.OpMaskedEqual: seccomp.MaskedEqual,
}

var filterFlags = map[specs.LinuxSeccompFlag]uintptr{
	"SECCOMP_FILTER_FLAG_TSYNC": 0, // there is one thread
	specs.LinuxSeccompFlagLog:   unix.SECCOMP_FILTER_FLAG_LOG, specs.LinuxSeccompFlagSpecAllow: unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW,
}

var compats = map[specs.Arch]uint32{
	specs.ArchX86: unix.AUDIT_ARCH_I386, specs.ArchX86_64: unix.AUDIT_ARCH_X86_64, specs.ArchARM: unix.AUDIT_ARCH_ARM,
	specs.ArchAARCH64: unix.AUDIT_ARCH_AARCH64,
}

const seccompField = "linux.seccomp"

// seccomp compiles the bundle's filter.
func (t *translation) seccomp() error {
	s := t.config.Linux.Seccomp
	if s == nil {
		return nil
	}
	if s.ListenerPath != "" || s.ListenerMetadata != "" {
		return refuse(seccompField+".listenerPath", "supervised system calls are not supported")
	}
	p := seccomp.Profile{}
	var err error
	if p.Default, err = actionOf(seccompField+".defaultAction", s.DefaultAction, s.DefaultErrnoRet); err != nil {
		return err
	}
	for _, a := range s.Architectures {
		p.X32 = p.X32 || a == specs.ArchX32
		if number, ok := compats[a]; ok {
			p.Compat = append(p.Compat, number)
		}
	}
	for i, name := range s.Flags {
		field := fmt.Sprintf("%s.flags[%d]", seccompField, i)
		flag, ok := filterFlags[name]
		switch {
		case name == specs.LinuxSeccompFlagWaitKillableRecv:
			t.note(field, "%s is for supervised system calls, ignored", name)
		case !ok:
			return refuse(field, "%q is no flag", name)
		}
		t.container.Rights.FilterFlags |= flag
	}
	for i, call := range s.Syscalls {
		rule, err := ruleOf(fmt.Sprintf("%s.syscalls[%d]", seccompField, i), call)
		if err != nil {
			return err
		}
		p.Rules = append(p.Rules, rule)
	}
	if t.container.Rights.Filter, err = p.Program(); err != nil {
		return refuse(seccompField, "%w", err)
	}
	return nil
}

func ruleOf(field string, call specs.LinuxSyscall) (r seccomp.Rule, err error) {
	if len(call.Names) == 0 {
		return r, refuse(field+".names", "missing")
	}
	r.Calls = call.Names
	if r.Return, err = actionOf(field+".action", call.Action, call.ErrnoRet); err != nil {
		return r, err
	}
	for j, a := range call.Args {
		field := fmt.Sprintf("%s.args[%d]", field, j)
		op, ok := operators[a.Op]
		switch {
		case !ok:
			return r, refuse(field+".op", "%q is no comparison", a.Op)
		case a.Index > 5:
			return r, refuse(field+".index", "%d is not within 0 and 5", a.Index)
		}
		arg := seccomp.Arg{Index: int(a.Index), Op: op, Value: a.Value}
		if op == seccomp.MaskedEqual {
			arg.Mask, arg.Value = a.Value, a.ValueTwo
		}
		r.Args = append(r.Args, arg)
	}
	return r, nil
}

// actionOf is what the kernel is to be told. Without a number, an errno is EPERM.
func actionOf(field string, action specs.LinuxSeccompAction, errno *uint) (uint32, error) {
	ret, ok := actions[action]
	switch {
	case action == specs.ActNotify:
		return 0, refuse(field, "supervised system calls (SCMP_ACT_NOTIFY) are not supported")
	case !ok:
		return 0, refuse(field, "%q is no action", action)
	}
	if action != specs.ActErrno && action != specs.ActTrace {
		return ret, nil
	}
	number := uint(unix.EPERM)
	if errno != nil {
		number = *errno
	}
	if number > math.MaxInt16 {
		return 0, refuse(field, "%d is no error number", number)
	}
	return ret | uint32(number), nil
}
