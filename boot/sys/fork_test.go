// SPDX-License-Identifier: Apache-2.0

package sys

import (
	"errors"
	"os"
	"os/signal"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// eachWay runs a test with programs whose child has a copy of our memory, and with such whose child borrows it.
func eachWay(t *testing.T, test func(t *testing.T, program func() *Program)) {
	t.Run("copy", func(t *testing.T) { test(t, func() *Program { return new(Program) }) })
	t.Run("loan", func(t *testing.T) {
		test(t, func() *Program {
			p := new(Program)
			p.Borrow()
			return p
		})
	})
}

func TestForkExec(t *testing.T) {
	eachWay(t, func(t *testing.T, program func() *Program) {
		p := program().Exec("/bin/sh", []string{"sh", "-c", "exit 7"}, []string{"A=b"})
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
	})
}

func TestForkReportsFailingStep(t *testing.T) {
	eachWay(t, func(t *testing.T, program func() *Program) {
		p := program().Try("may fail", unix.SYS_CLOSE, 9999)
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
	})
}

func TestForkChildEndsWithParent(t *testing.T) {
	eachWay(t, func(t *testing.T, program func() *Program) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := program().Call("close", unix.SYS_CLOSE, w.Fd()).Await("wait for the word", r.Fd())
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
	})
}

// A byte in the pipe must not hide that its writer has died.
func TestForkAttended(t *testing.T) {
	eachWay(t, func(t *testing.T, program func() *Program) {
		for _, alive := range []bool{true, false} {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			goR, goW, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			p := program().Call("close", unix.SYS_CLOSE, w.Fd()).Await("wait for the word", goR.Fd()).Attended("look", r.Fd())
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
	})
}

func TestForkFetch(t *testing.T) {
	eachWay(t, func(t *testing.T, program func() *Program) {
		dir := t.TempDir()
		p := program()
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
	})
}

// What the child does is seen in the memory that it borrows, while its parent, collector and all, goes on; a signal that the parent
// handles means to the child what it means to anybody.
func TestBorrow(t *testing.T) {
	mine := make(chan os.Signal, 1)
	signal.Notify(mine, unix.SIGUSR1)
	defer signal.Stop(mine)
	for range 100 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := new(Program).Call("close", unix.SYS_CLOSE, w.Fd())
		pid := p.Fetch("tell the number", unix.SYS_GETPID)
		p.Await("wait for the word", r.Fd())
		var none uint64
		p.Call("unblock signals", unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, Pointer(p, &none), 0, 8)
		p.Exec("/bin/sh", []string{"sh", "-c", "sleep 5"}, []string{"A=b"})
		p.Borrow()
		c, err := Fork(0, 3, p)
		if err != nil {
			t.Fatal(err)
		}
		garbage := make([][]byte, 100)
		for i := range garbage {
			garbage[i] = make([]byte, 4<<10)
		}
		runtime.GC()
		_ = unix.Kill(c.PID, unix.SIGUSR1)
		_, _ = w.Write([]byte{1})
		_ = c.Running()
		if ws, err := c.Wait(); err != nil || ws.Signal() != unix.SIGUSR1 || len(mine) > 0 {
			t.Fatalf("child ended with %v, %v; want SIGUSR1", ws, err)
		}
		if int(*pid) != c.PID {
			t.Fatalf("the child says it is %d; it is %d", *pid, c.PID)
		}
		r.Close()
		w.Close()
	}
}

func BenchmarkFork(b *testing.B) {
	for name, borrow := range map[string]bool{"copy": false, "loan": true} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p := new(Program).Exec("/bin/true", []string{"true"}, []string{"A=b"})
				if borrow {
					p.Borrow()
				}
				c, err := Fork(0, 3, p)
				if err != nil {
					b.Fatal(err)
				}
				if err := c.Running(); err != nil {
					b.Fatal(err)
				}
				_, _ = c.Wait()
			}
		})
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
