// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestSplitArguments(t *testing.T) {
	args, variables := splitArguments([]string{"single", "a.b=c", "A-B=1=2", "=x", "1a=b", "_=", "two words"})
	if diff := cmp.Diff([]string{"single", "a.b=c", "=x", "1a=b", "two words"}, args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"A_B=1=2", "_="}, variables); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestValidateProgram(t *testing.T) {
	for want, spec := range map[string]Spec{
		`working_directory "rel"`:                       {WorkingDirectory: "rel"},
		"kill_signal: there is no signal \"SIGFOO\"":    {KillSignal: "SIGFOO"},
		`machine_id "12"`:                               {MachineID: "12"},
		"not all of them 0":                             {MachineID: strings.Repeat("0", 32)},
		`personality "vax"`:                             {Personality: "vax"},
		"init_arguments are for the tree's init":        {Command: []string{"/x"}, InitArguments: []string{"a"}},
		"command argument \"a\\x00\" has a NUL byte":    {InitArguments: []string{"a\x00"}},
		"environment variable \"A=B\" is not NAME=VALU": {Environment: map[string]string{"A=B": ""}},
	} {
		spec.Name, spec.Root = "web", "/srv"
		if err := spec.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}

func TestProgramFromInside(t *testing.T) {
	seen := statusInside(t, func(s *Spec) {
		s.InitArguments = []string{"one", "two three", "A-B=c", "D=of the arguments"}
		s.Environment["D"] = "of the spec"
		s.WorkingDirectory, s.KillSignal = "/etc", "SIGUSR1"
	})
	expect(t, seen, map[string]string{"args": "one|two three", "A_B": "c", "D": "of the spec", "cwd": "/etc", "SigBlk": "0000000000000000"})
}

func TestPersonalityFromInside(t *testing.T) {
	for name, domain := range personalities(runtime.GOARCH) {
		if runtime.GOARCH == "arm64" && domain == perLinux32 {
			continue // not every processor has it
		}
		got := statusInside(t, func(s *Spec) { s.Personality = name })
		want := map[uintptr]string{perLinux: "00000000", perLinux32: "00000008"}[domain]
		expect(t, got, map[string]string{"personality": want})
	}
}

// A link of /proc would make a directory of the host that the starter has open the working directory.
func TestWorkingDirectoryStaysInside(t *testing.T) {
	needRoot(t)
	for _, dir := range []string{"/out", "/file", "/missing"} {
		root := tree(t)
		fill(t, root, map[string]string{"out": "->/proc/self/cwd", "file": ""})
		err := failToStart(t, Spec{Name: "boot-dir", Root: root, WorkingDirectory: dir, Network: Network{Veth: new(false)}})
		if err == nil || !strings.Contains(err.Error(), "change directory to "+dir) {
			t.Errorf("got error %v", err)
		}
	}
	root := tree(t)
	if err := os.Remove(filepath.Join(root, "root")); err != nil {
		t.Fatal(err)
	}
	fill(t, root, map[string]string{"root": "->/proc/self/root/etc"})
	spec := Spec{Name: "boot-dir", Root: root, Command: []string{"/sbin/init"}, Network: Network{Veth: new(false)}}
	spec.Environment = map[string]string{insideVar: probeWord + "cwd /"}
	out, status := bootPlan(t, planFor(t, spec))
	if string(out) != "{\"cwd /\":\"/\"}\n" || status != unix.WaitStatus(0) {
		t.Errorf("a command whose home leads elsewhere says %q and ends with %v, want / and 0", out, status)
	}
}

func TestGivenMachineID(t *testing.T) {
	const given = "11112222-3333-4444-5555-666677778888"
	for own, want := range map[string]string{"": given, "aaaabbbbccccddddaaaabbbbccccdddd\n": "aaaabbbb-cccc-dddd-aaaa-bbbbccccdddd"} {
		root := tree(t)
		fill(t, root, map[string]string{"etc/machine-id": own})
		plan, err := Preview(Spec{Name: "web", Root: root, MachineID: strings.ReplaceAll(given, "-", "")})
		if err != nil {
			t.Fatal(err)
		}
		if got := UUID(plan.MachineID); got != want {
			t.Errorf("machine id of a tree with %q is %s, want %s", own, got, want)
		}
	}
}
