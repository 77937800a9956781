// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func stubbed(s *Spec) { s.Command, s.StubInit = []string{"/sbin/init"}, true }

func TestStubInitFromInside(t *testing.T) {
	seen := statusInside(t, stubbed)
	expect(t, seen, map[string]string{"Pid": "2", "PPid": "1", "NSsid": "2", "SigBlk": "0000000000000000", "CapEff": "00000000fdecbfff", "Seccomp": "2", "Uid": "0\t0\t0\t0"})
	out, status := bootInside(t, "42", stubbed)
	if status.ExitStatus() != 42 {
		t.Errorf("printed %q and ended with %v, want exit status 42", out, status)
	}
	wantInside(t, stubbed, map[string]string{
		"read /proc/1/comm": "(sd-stubinit)", "read /proc/1/environ": "EACCES", "link /proc/1/exe": "EACCES",
		"list /proc/1/fd": "EACCES", "link /proc/1/cwd": "EACCES", "read /proc/1/maps": "EACCES", "read /proc/1/mem": "EACCES",
	})
}

func TestStubInitPowersOff(t *testing.T) {
	needRoot(t)
	for signal, want := range map[unix.Signal]unix.Signal{StopSignal: unix.SIGINT, unix.SIGINT: unix.SIGHUP} {
		spec := Spec{Name: "boot-stub", Root: tree(t), Environment: map[string]string{insideVar: "stay"}, Network: Network{Veth: new(false)}}
		stubbed(&spec)
		m, err := (&Starter{Units: &fakeUnits{t: t}, Registry: &fakeRegistry{}}).Start(t.Context(), planFor(t, spec), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = unix.PidfdSendSignal(int(m.Leader.PIDFD.Fd()), signal, nil, 0)
		if ws, err := m.Leader.Wait(); err != nil || !ws.Signaled() || ws.Signal() != want {
			t.Errorf("on signal %d it ended with %v, %v, want signal %d", signal, ws, err, want)
		}
	}
}

func TestStubInitSaysWhatCannotRun(t *testing.T) {
	spec := Spec{Name: "boot-stub", Root: tree(t), Command: []string{"/proc/self/nothing"}, StubInit: true, Network: Network{Veth: new(false)},
		Binds: []Bind{{Source: "/srv", Target: "/mnt"}}}
	err := failToStart(t, spec)
	var command *CommandError
	if !errors.As(err, &command) || !errors.Is(err, unix.ENOENT) || !strings.Contains(err.Error(), `run "/proc/self/nothing"`) {
		t.Errorf("got error %v", err)
	}
}
