// SPDX-License-Identifier: Apache-2.0

package escape_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Words that begin the lines in which the attacker tells what came of an attempt.
const (
	wordHeld   = "held"
	wordBroken = "broken"
	wordNote   = "note"
	wordDone   = "done"
)

// attack is something that the attacker tries. It gets the command line's further words.
type attack func(r *record, args []string)

// attacks are all of them, by the names that the host calls.
func attacks() map[string]attack {
	return map[string]attack{
		"masks":       attackMasks,
		"descriptors": attackDescriptors,
		"outside":     attackOutside,
		"keys":        attackKeys,
		"with-keys":   withKeys,
		"listen":      listen,
		"sockets":     attackSockets,
		"bus":         attackBus,
		"handles":     attackHandles,
		"devices":     attackDevices,
		"nodes":       attackNodes,
		"neighbour":   attackNeighbour,
		"dwell":       dwell,
		"kernel":      attackKernel,
		"rights":      tellRights,
		"watch":       watchForOthers,
		"search":      attackSearch,
		"shown":       attackShown,
		"cgroup-v1":   attackCgroupOfOld,
		"swap":        swap,
		"exchange":    swapBack,
		"paths":       attackPaths,
		"lie-in-wait": lieInWait,
	}
}

// acts are what this program is, by the name it is called with, when it is not the test.
func acts() map[string]func(args []string) {
	return map[string]func([]string){"attacker": strike, "init": obey, "getent": answer}
}

// record tells what came of attempts.
type record struct{ w io.Writer }

func (r *record) say(verdict, format string, args ...any) {
	fmt.Fprintf(r.w, "%s\t%s\n", verdict, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " / "))
}

func (r *record) held(format string, args ...any)   { r.say(wordHeld, format, args...) }
func (r *record) broken(format string, args ...any) { r.say(wordBroken, format, args...) }
func (r *record) note(format string, args ...any)   { r.say(wordNote, format, args...) }

// denied tells of an attempt that must fail, and for one of the reasons, if some are given.
func (r *record) denied(err error, reasons []error, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	switch {
	case err == nil:
		r.broken("%s: it can be done", what)
	case len(reasons) > 0 && !slices.ContainsFunc(reasons, func(e error) bool { return errors.Is(err, e) }):
		r.broken("%s: not tried, but failed: %v", what, err)
	default:
		r.held("%s: %v", what, err)
	}
}

// control tells of something that must work, or attempts like it mean nothing.
func (r *record) control(err error, format string, args ...any) {
	if err != nil {
		r.broken("%s: this should work, or the others prove nothing: %v", fmt.Sprintf(format, args...), err)
	}
}

// contexts are where an attack is made from: below a word that stands before it, with these namespaces of its own.
func contexts() map[string]uintptr {
	return map[string]uintptr{
		"in-mounts": unix.CLONE_NEWNS,
		"in-users":  unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP,
	}
}

// strike makes the attack that args name.
func strike(args []string) {
	r := &record{os.Stdout}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "no attack")
		os.Exit(2)
	}
	if flags, ok := contexts()[args[0]]; ok {
		if err := again(flags, args[1:]); err != nil {
			r.broken("attack %q: %v", args, err)
		}
		return
	}
	do, ok := attacks()[args[0]]
	if !ok {
		fmt.Fprintf(os.Stderr, "no attack %q\n", args[0])
		os.Exit(2)
	}
	do(r, args[1:])
	r.say(wordDone, "")
}

// again runs this program in namespaces of its own.
func again(flags uintptr, args []string) error {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = "attacker"
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	if flags&unix.CLONE_NEWUSER != 0 {
		all := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 60000}}
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings, cmd.SysProcAttr.GidMappingsEnableSetgroups = all, all, true
	}
	return cmd.Run()
}

// poweroff is the signal that asks an init to end (SIGRTMIN+4 of systemd(1)); the one before it halts.
var endings = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGPWR, syscall.Signal(37), syscall.Signal(38)}

// obey is the machine's init: it runs the attacker as the host orders, and reaps what is left over.
func obey([]string) {
	end := make(chan os.Signal, 1)
	signal.Notify(end, endings...)
	_ = os.WriteFile("/orders/first", []byte(strings.Join(leaks("/proc/self"), "\n")), 0o644)
	ready()
	for {
		select {
		case <-end:
			return
		case <-time.After(10 * time.Millisecond):
		}
		text, err := os.ReadFile("/orders/order")
		if err != nil {
			continue
		}
		_ = os.Remove("/orders/order")
		cmd := exec.Command("/usr/bin/attacker", strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			out = fmt.Appendf(out, "%s\tthe attacker: %v\n", wordBroken, err)
		}
		_ = os.WriteFile("/orders/saying", out, 0o644)
		_ = os.Rename("/orders/saying", "/orders/said")
	}
}

// ready says so (sd_notify(3)).
func ready() {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_ = unix.Sendto(fd, []byte("READY=1"), 0, &unix.SockaddrUnix{Name: os.Getenv("NOTIFY_SOCKET")})
}

// spawn runs a command on the attacker's streams.
func spawn(r *record, args []string) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	r.control(cmd.Run(), "run %s", args[0])
}
