// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestForkExec(t *testing.T) {
	p := new(Program).Exec("/bin/sh", []string{"sh", "-c", "exit 7"}, []string{"A=b"})
	c, err := Fork(0, 3, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Running(); err != nil {
		t.Fatal(err)
	}
	if ws, err := c.Wait(); err != nil || ws.ExitStatus() != 7 {
		t.Errorf("child ended with %v, %v; want exit status 7", ws, err)
	}
}

func TestForkReportsFailingStep(t *testing.T) {
	p := new(Program).Try("may fail", unix.SYS_CLOSE, 9999)
	p.Call("change directory to /nonexistent", unix.SYS_CHDIR, p.Path("/nonexistent"))
	p.Exec("/bin/true", []string{"true"}, []string{"A=b"})
	c, err := Fork(0, 3, p)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Running()
	var step *StepError
	if !errors.As(err, &step) || step.Step != "change directory to /nonexistent" || !errors.Is(err, unix.ENOENT) {
		t.Errorf("got %v, want the chdir step with ENOENT", err)
	}
	if _, err := c.Wait(); err != nil {
		t.Error(err)
	}
}

func TestForkChildEndsWithParent(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := new(Program).Call("close", unix.SYS_CLOSE, w.Fd()).Await("wait for the word", r.Fd())
	p.Exec("/bin/true", []string{"true"}, []string{"A=b"})
	c, err := Fork(0, 3, p)
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if err := c.Running(); !errors.Is(err, unix.ECANCELED) {
		t.Errorf("got %v, want the wait to end with ECANCELED", err)
	}
	_, _ = c.Wait()
}

// A byte in the pipe must not hide that its writer has died.
func TestForkAttended(t *testing.T) {
	for _, alive := range []bool{true, false} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		goR, goW, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := new(Program).Call("close", unix.SYS_CLOSE, w.Fd()).Await("wait for the word", goR.Fd()).Attended("look", r.Fd())
		p.Exec("/bin/true", []string{"true"}, []string{"A=b"})
		c, err := Fork(0, 3, p)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte{1})
		if !alive {
			w.Close()
		}
		_, _ = goW.Write([]byte{1})
		err = c.Running()
		if alive && err != nil || !alive && !errors.Is(err, unix.ECANCELED) {
			t.Errorf("writer alive: %v, got %v", alive, err)
		}
		_, _ = c.Wait()
		w.Close()
	}
}

func BenchmarkFork(b *testing.B) {
	for b.Loop() {
		c, err := Fork(0, 3, new(Program).Exec("/bin/true", []string{"true"}, []string{"A=b"}))
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Running(); err != nil {
			b.Fatal(err)
		}
		_, _ = c.Wait()
	}
}

func TestForkFetch(t *testing.T) {
	dir := t.TempDir()
	p := new(Program)
	fd := p.Fetch("open", unix.SYS_OPENAT, CWD, p.Path(dir), unix.O_PATH|unix.O_CLOEXEC)
	p.CallOn(fd, "change directory", unix.SYS_FCHDIR)
	p.Exec("/bin/sh", []string{"sh", "-c", `test "$(pwd)" = "$0"`, dir}, nil)
	c, err := Fork(0, 3, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Running(); err != nil {
		t.Fatal(err)
	}
	if ws, err := c.Wait(); err != nil || ws.ExitStatus() != 0 {
		t.Errorf("child ended with %v, %v; want it in %s", ws, err, dir)
	}
}

// What the child does is seen in the memory that it borrows, and its parent goes on unharmed.
func TestOnce(t *testing.T) {
	for range 200 {
		p := new(Program)
		pid := p.Fetch("tell the number", unix.SYS_GETPID)
		p.Try("may fail", unix.SYS_CLOSE, 9999)
		if err := Once(p); err != nil {
			t.Fatal(err)
		}
		if *pid == 0 || int(*pid) == os.Getpid() {
			t.Fatalf("the child's number is %d, mine %d", *pid, os.Getpid())
		}
	}
}

func TestOnceReportsFailingStep(t *testing.T) {
	p := new(Program).Call("fine", unix.SYS_GETPID)
	p.Call("change directory to /nonexistent", unix.SYS_CHDIR, p.Path("/nonexistent"))
	err := Once(p.Call("not reached", unix.SYS_EXIT_GROUP, 1))
	var step *StepError
	if !errors.As(err, &step) || step.Step != "change directory to /nonexistent" || !errors.Is(err, unix.ENOENT) {
		t.Errorf("got %v, want the chdir step with ENOENT", err)
	}
}
