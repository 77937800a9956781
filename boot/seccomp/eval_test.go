// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// data is struct seccomp_data of linux/seccomp.h, without the instruction pointer.
type data struct {
	number, arch uint32
	args         [6]uint64
}

func (d data) bytes() []byte {
	raw := make([]byte, 64)
	binary.LittleEndian.PutUint32(raw[0:], d.number)
	binary.LittleEndian.PutUint32(raw[4:], d.arch)
	for i, arg := range d.args {
		binary.LittleEndian.PutUint64(raw[16+8*i:], arg)
	}
	return raw
}

// run evaluates a filter as the kernel does. It returns the value and the number of instructions gone through.
func run(prog []unix.SockFilter, d data) (value uint32, steps int, err error) {
	raw := d.bytes()
	var acc uint32
	for pc := 0; pc < len(prog); pc++ {
		steps++
		in := prog[pc]
		var yes bool
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			if in.K%4 != 0 || in.K >= 64 {
				return 0, steps, fmt.Errorf("load from %d", in.K)
			}
			acc = binary.LittleEndian.Uint32(raw[in.K:])
			continue
		case unix.BPF_RET | unix.BPF_K:
			return in.K, steps, nil
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(in.K)
			continue
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K: // libseccomp's; ours has none
			acc &= in.K
			continue
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			yes = acc == in.K
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			yes = acc >= in.K
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			yes = acc > in.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			yes = acc&in.K != 0
		default:
			return 0, steps, fmt.Errorf("instruction %d has code %#x", pc, in.Code)
		}
		if yes {
			pc += int(in.Jt)
		} else {
			pc += int(in.Jf)
		}
	}
	return 0, steps, fmt.Errorf("ran past the end")
}

// must evaluates a filter that has to be sound.
func must(t testing.TB, prog []unix.SockFilter, d data) uint32 {
	t.Helper()
	value, _, err := run(prog, d)
	if err != nil {
		t.Fatalf("number %#x of architecture %#x: %v", d.number, d.arch, err)
	}
	return value
}

// action names what a filter returned.
func action(value uint32) string {
	switch value & unix.SECCOMP_RET_ACTION_FULL {
	case unix.SECCOMP_RET_ALLOW:
		return "allow"
	case unix.SECCOMP_RET_ERRNO:
		return cmp.Or(unix.ErrnoName(unix.Errno(value&unix.SECCOMP_RET_DATA)), "success")
	}
	return fmt.Sprintf("%#x", value)
}
