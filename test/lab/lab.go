// SPDX-License-Identifier: Apache-2.0

// Package lab gives tests a throw-away systemd host: see the script "lab"
// beside this file, which does the work.
//
// A package whose tests need a lab hands its TestMain over:
//
//	func TestMain(m *testing.M) { lab.Main(m) }
//
// and calls Up in each test. The labs of one test binary are shared by its
// tests and removed when it ends; LAB_KEEP=1 leaves them for a look, and for a
// faster next run. Several runs may go on at the same time.
package lab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// Suites are the Debian releases a lab can be made of, oldest systemd first:
// 252, 257 and what is newest.
func Suites() []string { return []string{"bookworm", "trixie", "sid"} }

// Version is that of a suite's systemd.
func Version(suite string) int {
	return map[string]int{"bookworm": 252, "trixie": 257, "sid": 262}[suite]
}

// The daemons a lab can have, as the script's --machined names them.
const (
	Ours  = "ours"
	Stock = "stock"
)

// Lab is a running lab.
type Lab struct {
	// Name is what the script's --name takes.
	Name  string
	shown bool // the end of its journal was
}

// Main runs the tests of a package and removes its labs before and after.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Geteuid() != 0 {
		return m.Run()
	}
	before, after := down, down
	if kept() {
		before, after = install, leave
	}
	if err := forOurs(before); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := forOurs(after); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func kept() bool { return os.Getenv("LAB_KEEP") != "" }

// Up returns the running lab of this test binary with that suite and daemon,
// and makes it first if there is none. Without root it skips the test, or fails
// it if MUST_RUN is 1.
func Up(t testing.TB, suite, machined string) *Lab {
	t.Helper()
	NeedRoot(t)
	lab := &Lab{Name: prefix() + suite + "-" + machined + suffix()}
	if lab.runs() {
		return lab
	}
	_, err := script("up", "--name", lab.Name, "--suite", suite, "--machined", machined)
	// A parallel test may have been faster.
	if err != nil && !lab.runs() {
		t.Fatal(err)
	}
	return lab
}

// NeedRoot skips a test that runs without root, or fails it if MUST_RUN is 1.
func NeedRoot(t testing.TB) {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("MUST_RUN") == "1":
		t.Fatal("a lab needs root, and MUST_RUN=1 forbids to skip")
	default:
		t.Skip("a lab needs root")
	}
}

// Command returns the command that runs args in the lab as root; its streams
// and its exit status are those of args.
func (l *Lab) Command(args ...string) *exec.Cmd {
	return exec.Command(scriptPath(), append([]string{"exec", "--name", l.Name, "--"}, args...)...)
}

// pipesLimit is how long Exec reads on from processes that args left behind.
const pipesLimit = 10 * time.Second

// Exec runs args in the lab as root, with nothing on standard input. The code
// is 125 if the lab itself failed, and -1 if the script could not be run or
// left processes behind that hold its output.
func (l *Lab) Exec(args ...string) (stdout, stderr string, code int) {
	var out, errs bytes.Buffer
	cmd := l.Command(args...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, pipesLimit
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return "", err.Error(), -1
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// Root is where the lab's files are, /proc and /sys as it sees them too.
func (l *Lab) Root(t testing.TB) string {
	t.Helper()
	leader, err := os.ReadFile(filepath.Join("/var/lib/machined-go-lab", l.Name, "leader"))
	if err != nil {
		t.Fatal(err)
	}
	return "/proc/" + strings.TrimSpace(string(leader)) + "/root"
}

// Bus connects to the lab's system bus, as root, until the test ends.
func (l *Lab) Bus(t testing.TB) *dbus.Conn {
	t.Helper()
	conn, err := dbus.Connect("unix:path=" + l.Root(t) + "/run/dbus/system_bus_socket")
	if err != nil {
		t.Fatalf("lab %s: connect to the bus: %v", l.Name, err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Must runs args in the lab, returns their standard output, and ends the test
// if they fail.
func (l *Lab) Must(t testing.TB, args ...string) string {
	t.Helper()
	stdout, stderr, code := l.Exec(args...)
	if code != 0 {
		t.Fatalf("lab %s: %s: exit status %d\n%s%s", l.Name, strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

func (l *Lab) runs() bool {
	_, _, code := l.Exec("true")
	return code == 0
}

// prefix tells the labs of different packages apart.
func prefix() string {
	return "test-" + strings.TrimSuffix(filepath.Base(os.Args[0]), ".test") + "-"
}

// suffix tells the labs of runs of one package at the same time apart. Labs
// that are kept bear none, so that the next run finds them.
func suffix() string {
	if kept() {
		return ""
	}
	return "-" + strconv.Itoa(os.Getpid())
}

// ours says whether a lab belongs to this run, or to one that is no more.
func ours(name string) bool {
	rest, found := strings.CutPrefix(name, prefix())
	if !found {
		return false
	}
	pid, err := strconv.Atoi(rest[strings.LastIndexByte(rest, '-')+1:])
	if kept() {
		return err != nil
	}
	return err == nil && (pid == os.Getpid() || !alive(pid))
}

func alive(pid int) bool {
	_, err := os.Stat("/proc/" + strconv.Itoa(pid))
	return err == nil
}

func forOurs(do func(name string) error) error {
	list, err := script("list")
	if err != nil {
		return err
	}
	for line := range strings.Lines(list) {
		name, _, _ := strings.Cut(line, " ")
		if ours(name) {
			err = errors.Join(err, do(name))
		}
	}
	return err
}

func leave(string) error { return nil }

func down(name string) error {
	_, err := script("down", "--name", name)
	return err
}

func install(name string) error {
	if !strings.HasSuffix(name, "-"+Ours) {
		return nil
	}
	_, err := script("install", "--name", name)
	return err
}

func script(args ...string) (stdout string, err error) {
	var errs bytes.Buffer
	cmd := exec.Command(scriptPath(), args...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("lab %s: %w\n%s", strings.Join(args, " "), err, errs.String())
	}
	return string(out), nil
}

// scriptPath finds the script from the directory of any package, which is where
// "go test" runs a test.
func scriptPath() string {
	dir, err := os.Getwd()
	for err == nil && dir != "/" {
		path := filepath.Join(dir, "test/lab/lab")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
		dir = filepath.Dir(dir)
	}
	return "test/lab/lab"
}
