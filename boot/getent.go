// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

const (
	lookupTime   = 10 * time.Second
	lookupOutput = 64 << 10
	notFound     = 2 // exit status of getent(1)
)

// errNoGetent says that a machine cannot be asked.
var errNoGetent = errors.New("the image has no getent: give the user's number instead of its name")

// lookUpUser asks the machine who the user is, with its own program, in its own cgroup, under its own rights. What it says is not
// trusted: it is bounded, and read strictly.
func (s *start) lookUpUser(context.Context) (func(), error) {
	if !s.plan.Spec.hasUser() {
		return nil, nil
	}
	a, err := s.findAccount(s.plan.Spec.User)
	if err != nil {
		return nil, fmt.Errorf("look up user %q in the machine: %w", s.plan.Spec.User, err)
	}
	uid, ok := s.plan.IDs.User(a.uid)
	if !ok {
		return nil, fmt.Errorf("look up user %q in the machine: it has no user %d", s.plan.Spec.User, a.uid)
	}
	s.account = a.bytes()
	return nil, s.giveStreams(int(uid))
}

// findAccount looks a user up. A number that nobody has is a user without a name, whose group has the same number.
func (s *start) findAccount(user string) (account, error) {
	id, notNumber := parseID(user)
	text, err := s.getent("passwd", user)
	switch {
	case err != nil && !errors.Is(err, errNoGetent):
		return account{}, err
	case text == "" && notNumber == nil:
		return account{uid: id, gid: id, name: user, home: "/"}, nil
	case err != nil:
		return account{}, err
	case text == "":
		return account{}, errors.New("there is no such user")
	}
	a, err := parsePasswd(text)
	if err != nil {
		return a, err
	}
	if text, err = s.getent("initgroups", a.name); err == nil {
		a.groups, err = parseGroups(text)
	}
	return a, err
}

// getent runs the machine's own getent(1), for only its C library can read all its databases, and gives what that prints; nothing if there is no such entry.
func (s *start) getent(database, key string) (string, error) {
	dir, err := cgroupOf(s.leader.PID)
	if err != nil {
		return "", err
	}
	procs, err := os.OpenFile(filepath.Join(dir, "cgroup.procs"), os.O_WRONLY, 0)
	if err != nil {
		return "", err
	}
	defer procs.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	prog := getentProgram(s.plan, s.leader, []*os.File{null, w, null}, procs)
	prog.ExecFirst("execute getent", []string{"/usr/bin/getent", "/bin/getent"}, []string{"getent", database, key}, []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"})
	var child *sys.Child
	err = s.builder.onThread(func() (err error) {
		child, err = sys.Fork(0, 3, prog)
		return err
	})
	w.Close()
	if err != nil {
		return "", err
	}
	return hear(child, r)
}

// getentProgram makes a child of the builder's thread, whose root is the machine's, one of the machine's processes.
func getentProgram(p *Plan, leader *sys.Child, streams []*os.File, procs *os.File) *sys.Program {
	if !p.Spec.Users.own() { // or it could take hold of the leader, which has all rights still
		harmless := *p
		harmless.Caps, harmless.Ambient = 0, 0
		p = &harmless
	}
	prog := new(sys.Program)
	prog.Call("enter cgroup", unix.SYS_WRITE, procs.Fd(), prog.Bytes([]byte("0")), 1)
	prog.Call("start a session", unix.SYS_SETSID)
	reset(prog)
	for fd, f := range streams {
		prog.Call("set stream", unix.SYS_DUP3, f.Fd(), uintptr(fd), 0)
	}
	if p.Spec.Users.own() {
		prog.Call("enter user namespace of the machine", unix.SYS_SETNS, leader.PIDFD.Fd(), unix.CLONE_NEWUSER)
	}
	becomeRoot(prog)
	dropBounding(prog, p)
	prog.Call("change directory to /", unix.SYS_CHDIR, prog.Path("/"))
	restrict(prog, p)
	filter(prog, p)
	return prog
}

// hear reads what a child prints, which may take neither long nor be much.
func hear(child *sys.Child, r *os.File) (string, error) {
	defer child.PIDFD.Close()
	timer := time.AfterFunc(lookupTime, child.Kill)
	defer timer.Stop()
	_ = r.SetReadDeadline(time.Now().Add(lookupTime))
	text, readErr := io.ReadAll(io.LimitReader(r, lookupOutput))
	if readErr != nil || len(text) == lookupOutput {
		child.Kill()
	}
	failed := child.Running()
	ws, err := child.Wait()
	var step *sys.StepError
	switch {
	case errors.As(failed, &step) && step.Step == "execute getent" && step.Errno == unix.ENOENT:
		return "", errNoGetent
	case failed != nil || err != nil:
		return "", errors.Join(failed, err)
	case errors.Is(readErr, os.ErrDeadlineExceeded) || len(text) == lookupOutput || ws.Signaled():
		return "", errors.New("getent says too much, or takes too long")
	case ws.ExitStatus() == notFound:
		return "", nil
	case readErr != nil || ws.ExitStatus() != 0:
		return "", fmt.Errorf("getent ended with exit status %d", ws.ExitStatus())
	}
	return string(text), nil
}

// giveStreams gives the console, or pipes that are the program's streams, to its user, who could not open them by name otherwise
// (/dev/stdout). Files that the caller may have there stay whose they are.
func (s *start) giveStreams(uid int) error {
	if s.console != nil {
		return os.Chown(s.console.Slave, uid, -1)
	}
	for fd := range 3 {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
			continue
		}
		if err := unix.Fchown(fd, uid, -1); err != nil {
			return fmt.Errorf("give stream %d to user %d: %w", fd, uid, err)
		}
	}
	return nil
}
