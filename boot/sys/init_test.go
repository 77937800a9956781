// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// startStub runs a shell command under the stub, as PID 1 of a PID namespace; what it writes comes out of the reader.
func startStub(t *testing.T, argv ...string) (*Child, *bufio.Reader) {
	t.Helper()
	if os.Getuid() != 0 {
		if os.Getenv("MUST_RUN") != "" {
			t.Fatal("MUST_RUN is set and this test needs root")
		}
		t.Skip("needs root")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	p := new(Program).Call("take the pipe", unix.SYS_DUP3, w.Fd(), 1, 0)
	if err := p.Init(); err != nil {
		t.Fatal(err)
	}
	p.Exec(argv[0], argv, []string{"A=b"})
	c, err := Fork(unix.CLONE_NEWPID, 3, p)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	return c, bufio.NewReader(r)
}

func line(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	text, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(text)
}

func ends(t *testing.T, c *Child) unix.WaitStatus {
	t.Helper()
	defer time.AfterFunc(20*time.Second, func() {
		t.Logf("it does not end:\n%s", statesOf(c.PID))
		c.Kill()
	}).Stop()
	ws, err := c.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

// statesOf tells what a process and its children wait for, and which signals they have not got yet.
func statesOf(pid int) string {
	dir := fmt.Sprintf("/proc/%d/", pid)
	status, _ := os.ReadFile(dir + "status")
	waits, _ := os.ReadFile(dir + "wchan")
	text := fmt.Sprintf("%sWaits in: %s\n", status, waits)
	children, _ := os.ReadFile(fmt.Sprintf("%stask/%d/children", dir, pid))
	for _, child := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(child); err == nil {
			text += statesOf(n)
		}
	}
	return text
}

func TestStubPassesStatusOn(t *testing.T) {
	for command, want := range map[string]int{"exit 0": 0, "exit 42": 42, "exit 255": 255, "kill -TERM $$": 128 + 15, "kill -KILL $$": 128 + 9} {
		c, _ := startStub(t, "/bin/sh", "-c", command)
		if ws := ends(t, c); ws.ExitStatus() != want {
			t.Errorf("%s: ended with %v, want status %d", command, ws, want)
		}
	}
}

func TestStubTellsWhatCannotBeExecuted(t *testing.T) {
	for path, want := range map[string]unix.Errno{"/nonexistent": unix.ENOENT, "/etc": unix.EACCES} {
		c, _ := startStub(t, path)
		var step *StepError
		if err := c.Running(); !errors.As(err, &step) || step.Errno != want || step.Step != "execute "+path {
			t.Errorf("%s: got error %v, want %v", path, err, want)
		}
		if ws := ends(t, c); ws.ExitStatus() != 127 {
			t.Errorf("%s: ended with %v, want status 127", path, ws)
		}
	}
}

// Orphans become children of PID 1, and must not stay as zombies.
func TestStubReaps(t *testing.T) {
	c, out := startStub(t, "/bin/sh", "-c", "for i in 1 2 3; do (sh -c 'exec sleep 0.05' &); done; (sleep 30 &); echo $PPID; sleep 30")
	if parent := line(t, out); parent != "1" {
		t.Errorf("the command's parent is %s, want 1", parent)
	}
	for tries := 0; ; tries++ {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", c.PID, c.PID))
		n := len(strings.Fields(string(children)))
		if err == nil && n == 2 {
			break
		}
		if tries == 500 {
			t.Errorf("it has %d children, %v, want the command and one living orphan", n, err)
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.Kill()
	ends(t, c)
}

func TestStubShowsNothingOfUs(t *testing.T) {
	c, out := startStub(t, "/bin/sh", "-c", "echo up; sleep 30")
	line(t, out)
	proc := fmt.Sprintf("/proc/%d", c.PID)
	if comm, _ := os.ReadFile(proc + "/comm"); string(comm) != stubName+"\n" {
		t.Errorf("it is called %q", comm)
	}
	for _, name := range []string{"/cmdline", "/environ"} {
		text, err := os.ReadFile(proc + name)
		if words := strings.Trim(string(text), "\x00"); err != nil || words != "" && words != stubName {
			t.Errorf("%s says %q, %v", name, text, err)
		}
	}
	if fds, err := os.ReadDir(proc + "/fd"); err != nil || len(fds) != 0 {
		t.Errorf("it has %d descriptors, %v, want none", len(fds), err)
	}
	c.Kill()
	ends(t, c)
}

// What cannot be traced cannot be looked into through /proc either.
func TestStubCannotBeLookedInto(t *testing.T) {
	c, out := startStub(t, "/usr/bin/setpriv", "--reuid=0", "--bounding-set=-sys_ptrace", "--inh-caps=-all", "/bin/sh", "-c",
		"for f in exe cwd root environ mem maps; do head -c 1 /proc/$PPID/$f >/dev/null 2>&1 && echo $f; ls /proc/$PPID/$f/ >/dev/null 2>&1 && echo $f; done; echo end")
	if got := line(t, out); got != "end" {
		t.Errorf("%s can be opened", got)
	}
	ends(t, c)
}

func TestStubForwards(t *testing.T) {
	c, out := startStub(t, "/bin/sh", "-c", `trap 'echo usr1' USR1; trap 'echo term; exit 3' TERM; echo up; while :; do sleep 0.01; done`)
	line(t, out)
	_ = unix.PidfdSendSignal(int(c.PIDFD.Fd()), unix.SIGUSR1, nil, 0)
	if got := line(t, out); got != "usr1" {
		t.Errorf("on SIGUSR1 it said %q", got)
	}
	_ = unix.PidfdSendSignal(int(c.PIDFD.Fd()), unix.SIGTERM, nil, 0)
	if got := line(t, out); got != "term" {
		t.Errorf("on SIGTERM it said %q", got)
	}
	if ws := ends(t, c); ws.ExitStatus() != 3 {
		t.Errorf("ended with %v, want status 3", ws)
	}
}

// In a PID namespace, powering off ends the init by SIGINT, rebooting by SIGHUP.
func TestStubPowersOffAndReboots(t *testing.T) {
	// A shell sets no trap for what is ignored when it begins, as nohup has it; what is caught here is not.
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, unix.SIGHUP)
	defer signal.Stop(hangUps)
	for order, want := range map[unix.Signal]unix.Signal{
		34 + 3: unix.SIGINT, 34 + 4: unix.SIGINT, 34 + 13: unix.SIGINT, 34 + 14: unix.SIGINT,
		unix.SIGINT: unix.SIGHUP, 34 + 5: unix.SIGHUP, 34 + 6: unix.SIGHUP, 34 + 15: unix.SIGHUP, 34 + 16: unix.SIGHUP,
	} {
		c, out := startStub(t, "/bin/sh", "-c", `trap 'echo term; T=1' TERM; trap 'echo hup; H=1' HUP; echo up
			while [ "$T$H" != 11 ]; do sleep 0.01; done`)
		line(t, out)
		_ = unix.PidfdSendSignal(int(c.PIDFD.Fd()), order, nil, 0)
		if ws := ends(t, c); !ws.Signaled() || ws.Signal() != want {
			t.Errorf("on signal %d it ended with %v, want signal %v", order, ws, want)
		}
		if got := line(t, out) + " " + line(t, out); got != "term hup" && got != "hup term" {
			t.Errorf("on signal %d the command got %q, want term and hup", order, got)
		}
	}
}
