// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"machined-go/test/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

func TestExecPassesStreamsAndStatus(t *testing.T) {
	host := lab.Up(t, "bookworm", lab.Stock)
	var out, errs bytes.Buffer
	cmd := host.Command("sh", "-c", `cat; echo to-stderr >&2; exit 37`)
	cmd.Stdin = strings.NewReader("over\x00stdin\n")
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 37 {
		t.Errorf("exit status: %v, want 37", err)
	}
	if out.String() != "over\x00stdin\n" {
		t.Errorf("stdout: %q", out.String())
	}
	if errs.String() != "to-stderr\n" {
		t.Errorf("stderr: %q", errs.String())
	}
}

func TestExecGivesCleanEnvironment(t *testing.T) {
	host := lab.Up(t, "bookworm", lab.Stock)
	t.Setenv("OF_THE_CALLER", "yes")
	got := host.Must(t, "sh", "-c", `echo "$PWD $HOME ${OF_THE_CALLER-none}"; ls /proc/self/fd | wc -l`)
	// ls has its three streams and the directory.
	if want := "/root /root none\n4\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestKilledExecTakesItsCommandAlong(t *testing.T) {
	host := lab.Up(t, "bookworm", lab.Stock)
	cmd := host.Command("sleep", "4711")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { _, _, code := host.Exec("pgrep", "-f", "sleep 4711"); return code == 0 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	await(t, func() bool { _, _, code := host.Exec("pgrep", "-f", "sleep 4711"); return code == 1 })
}

func await(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not so within 10 s")
		}
	}
}

func TestEverySuiteRunsAndBootsItsDebian(t *testing.T) {
	for _, suite := range lab.Suites() {
		t.Run(suite, func(t *testing.T) {
			host := lab.Up(t, suite, lab.Stock)
			if got := host.Must(t, "systemctl", "is-system-running"); got != "running\n" {
				t.Errorf("host: %q", got)
			}
			codename := host.Must(t, "sh", "-c", ". /var/lib/machines/deb/etc/os-release; echo $VERSION_CODENAME")
			if suite != "sid" && codename != suite+"\n" {
				t.Errorf("the machine is a %q", codename)
			}
			host.Must(t, "machinectl", "start", "deb")
			await(t, func() bool {
				got, _, _ := host.Exec("systemctl", "-M", "deb", "is-system-running")
				return got == "running\n"
			})
			host.Must(t, "systemctl", "stop", "systemd-nspawn@deb.service")
		})
	}
}

func TestTwoLabsAtOnce(t *testing.T) {
	first, second := lab.Up(t, "bookworm", lab.Stock), lab.Up(t, "trixie", lab.Stock)
	for _, kind := range []string{"pid", "mnt", "uts", "ipc", "net", "cgroup"} {
		link := "/proc/self/ns/" + kind
		one, two := first.Must(t, "readlink", link), second.Must(t, "readlink", link)
		outside, err := os.Readlink(link)
		if err != nil {
			t.Fatal(err)
		}
		if one == two || one == outside+"\n" || two == outside+"\n" {
			t.Errorf("%s namespaces: %q, %q, outside %q: want three", kind, one, two, outside)
		}
	}
	first.Must(t, "touch", "/var/lib/machines/mine", "/etc/mine")
	if _, _, code := second.Exec("sh", "-c", "test -e /var/lib/machines/mine || test -e /etc/mine"); code == 0 {
		t.Error("a file made in one lab is in the other")
	}
}

func TestDownLeavesNothing(t *testing.T) {
	lab.NeedRoot(t)
	name := fmt.Sprintf("test-left-%d", os.Getpid())
	before := look(t, name)
	mustLab(t, "up", "--name", name, "--machined", lab.Stock)
	t.Cleanup(func() { runLab("down", "--name", name) })
	host := &lab.Lab{Name: name}
	host.Must(t, "machinectl", "start", "deb")
	host.Must(t, "sh", "-c", "mkdir /var/lib/machines/fixed && machinectl read-only fixed")
	host.Must(t, "sh", "-c", "truncate -s 1M /root/a /var/lib/machines/b; losetup -f /root/a; losetup -f /var/lib/machines/b")
	host.Must(t, "sh", "-c", "setsid sleep 4712 </dev/null >/dev/null 2>&1 &")
	namespaces := map[string]string{}
	for _, kind := range []string{"pid", "mnt", "net", "cgroup"} {
		namespaces[kind] = strings.TrimSpace(host.Must(t, "readlink", "/proc/self/ns/"+kind))
	}
	loops := attachedLoops(t)
	if len(loops) < 2 {
		t.Errorf("loop devices attached in the lab: %q, want two", loops)
	}

	mustLab(t, "down", "--name", name)
	assertNothingLeft(t, before, look(t, name))
	for kind, link := range namespaces {
		if left := inNamespace(t, name, kind, link); len(left) > 0 {
			t.Errorf("processes still in %s: %q", link, left)
		}
	}
	for _, loop := range attachedLoops(t) {
		if strings.Contains(loop, "/root/a") || strings.Contains(loop, "/b (deleted)") {
			t.Errorf("loop device still attached: %s", loop)
		}
	}
}

func attachedLoops(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, file := range glob(t, "/sys/block/loop*/loop/backing_file") {
		if raw, err := os.ReadFile(file); err == nil {
			found = append(found, file+": "+string(raw))
		}
	}
	return found
}

func TestInterruptedUpLeavesNothing(t *testing.T) {
	lab.NeedRoot(t)
	mustLab(t, "cache")
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		for _, delay := range []time.Duration{10, 30, 60, 120, 200, 350, 700} {
			t.Run(fmt.Sprintf("%v/%d ms", signal, delay), func(t *testing.T) {
				interrupt(t, signal, delay*time.Millisecond)
			})
		}
	}
}

// interrupt signals the script alone, as kill does: a terminal would tell all
// of its children as well, and so help it.
func interrupt(t *testing.T, signal syscall.Signal, delay time.Duration) {
	t.Helper()
	name := fmt.Sprintf("test-interrupted-%d", os.Getpid())
	before := look(t, name)
	up := exec.Command("./lab", "up", "--name", name, "--machined", lab.Stock)
	if err := up.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(delay)
	_ = up.Process.Signal(signal)
	finished := up.Wait() == nil
	if signal != syscall.SIGKILL && !finished {
		assertNothingLeft(t, before, look(t, name))
		return
	}
	if _, stderr, code := runLab("down", "--name", name); code != 0 && !strings.Contains(stderr, "no lab") {
		t.Errorf("down: exit status %d, %s", code, stderr)
	}
	assertNothingLeft(t, before, look(t, name))
}

func TestErrorsAreOneLine(t *testing.T) {
	host := lab.Up(t, "bookworm", lab.Stock)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"frobnicate"}, "unknown command"},
		{[]string{"up", "--suite", "potato"}, `suite "potato": take bookworm, trixie or sid`},
		{[]string{"up", "--machined", "none"}, `machined "none": take ours or stock`},
		{[]string{"up", "--name", "../x"}, `name "../x": use small letters`},
		{[]string{"up", "--name"}, "option --name wants a value"},
		{[]string{"up", "--frobnicate"}, "unknown option --frobnicate"},
		{[]string{"up", "--name", host.Name, "--machined", "stock"}, "runs already (bookworm, stock)"},
		{[]string{"exec", "--name", host.Name}, "no command"},
		{[]string{"exec", "--name", "nowhere", "--", "true"}, `no lab "nowhere": start it with`},
		{[]string{"shell", "--name", host.Name}, "no terminal"},
		{[]string{"down", "--name", "nowhere"}, `no lab "nowhere"`},
	} {
		stdout, stderr, code := runLab(c.args...)
		if code != 125 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.want) {
			t.Errorf("lab %q: exit status %d, stdout %q, stderr %q; want 125 and one line with %q",
				c.args, code, stdout, stderr, c.want)
		}
	}
}

func runLab(args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	cmd := exec.Command("./lab", args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		return "", err.Error(), -1
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func mustLab(t *testing.T, args ...string) {
	t.Helper()
	if stdout, stderr, code := runLab(args...); code != 0 {
		t.Fatalf("lab %s: exit status %d\n%s%s", strings.Join(args, " "), code, stdout, stderr)
	}
}
