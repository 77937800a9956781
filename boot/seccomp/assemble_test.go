// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"
)

// sound checks what the kernel checks before it takes a filter (bpf_check_classic, seccomp_check_filter): forward
// jumps that stay inside, loads of whole words, a RET at the end. Beyond that, every instruction can be reached.
func sound(t *testing.T, prog []unix.SockFilter) {
	t.Helper()
	if len(prog) == 0 || len(prog) > unix.BPF_MAXINSNS {
		t.Fatalf("%d instructions", len(prog))
	}
	reached := make([]bool, len(prog))
	reached[0] = true
	for pc, in := range prog {
		if !reached[pc] {
			t.Errorf("instruction %d is never reached", pc)
		}
		var targets []int
		switch {
		case in.Code == unix.BPF_RET|unix.BPF_K:
		case in.Code == unix.BPF_JMP|unix.BPF_JA:
			targets = []int{pc + 1 + int(in.K)}
		case in.Code&7 == unix.BPF_JMP:
			targets = []int{pc + 1 + int(in.Jt), pc + 1 + int(in.Jf)}
		default:
			targets = []int{pc + 1}
		}
		for _, target := range targets {
			if target >= len(prog) {
				t.Fatalf("instruction %d leads past the end", pc)
			}
			reached[target] = true
		}
	}
}

func TestProgramsAreSoundAndSmall(t *testing.T) {
	for _, goarch := range []string{"amd64", "arm64"} {
		prog := program(t, usual(goarch))
		sound(t, prog)
		if len(prog) > 300 {
			t.Errorf("%s: %d instructions; there were 254 at first", goarch, len(prog))
		}
		for _, n := range numberings() {
			for number := range n.calls {
				if n.goarch != goarch {
					continue
				}
				if _, steps, _ := run(prog, data{number: number, arch: n.arch}); steps > 16 {
					t.Errorf("%s number %d: %d steps", n.name, number, steps)
				}
			}
		}
	}
}

// The kernel must be able to see that a call's answer is constant, or it runs the filter for each one: no argument may
// be loaded on the way, and nothing but these instructions.
func TestConstantAnswers(t *testing.T) {
	constant := map[uint16]bool{
		unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:  true,
		unix.BPF_JMP | unix.BPF_JA:               true,
		unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K: true,
		unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K: true,
		unix.BPF_RET | unix.BPF_K:                true,
	}
	loads := map[uint32]int{}
	for pc, in := range program(t, usual("amd64")) {
		if !constant[in.Code] {
			t.Errorf("instruction %d: code %#x is not followed by seccomp_is_const_allow", pc, in.Code)
		}
		if in.Code == unix.BPF_LD|unix.BPF_W|unix.BPF_ABS {
			loads[in.K]++
		}
	}
	if loads[dataArch] != 1 || loads[dataNumber] != 2 || loads[dataArg0] != 1 || loads[dataArg2] != 1 {
		t.Errorf("loads by offset: %v, want one of the architecture, two of the number, one of each argument", loads)
	}
}

// TestLongSearches has far more spans than an 8-bit jump can cross.
func TestLongSearches(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	verdicts := []verdict{{ret: retAllow}, {ret: retDenied}, {ret: retUnknown}, {ret: retAllow, check: ofSocket}}
	for _, size := range []int{1, 2, 3, 4, 5, 100, 255, 256, 257, 600, 1000} {
		var searches []search
		for arch := range uint32(3) {
			spans := []span{{0, verdicts[arch]}}
			for len(spans) < size {
				spans = append(spans, span{spans[len(spans)-1].first + 1 + random.Uint32N(3), verdicts[random.IntN(4)]})
			}
			searches = append(searches, search{arch, spans})
		}
		prog := assemble(searches, []family{{}}, unix.SECCOMP_RET_KILL_PROCESS)
		sound(t, prog)
		for _, s := range searches {
			checkSpans(t, prog, s)
		}
		if got := must(t, prog, data{arch: 3}); got != unix.SECCOMP_RET_KILL_PROCESS {
			t.Errorf("%d spans: unknown architecture gives %#x", size, got)
		}
	}
}

// checkSpans compares a program with the spans it was made from, at both ends of each.
func checkSpans(t *testing.T, prog []unix.SockFilter, s search) {
	t.Helper()
	for i, sp := range s.spans {
		last := uint32(skipped)
		if i+1 < len(s.spans) {
			last = s.spans[i+1].first - 1
		}
		for _, number := range []uint32{sp.first, last} {
			if got := must(t, prog, data{number: number, arch: s.arch}); got != sp.verdict.ret {
				t.Fatalf("%d spans, architecture %d, number %d: %#x, want %#x", len(s.spans), s.arch, number, got, sp.verdict.ret)
			}
			audit := data{number, s.arch, [6]uint64{unix.AF_NETLINK, 0, unix.NETLINK_AUDIT}}
			if got := must(t, prog, audit); (got == retNoAudit) != (sp.verdict.check == ofSocket) {
				t.Fatalf("%d spans, architecture %d, number %d: audit socket gives %#x", len(s.spans), s.arch, number, got)
			}
		}
	}
}
