// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/boot/sys"
)

// runInside runs a hook from the builder's thread, which is in the container's namespaces; enter adds what else it takes to be where
// it belongs.
func (h Hook) runInside(state []byte, enter func(*sys.Program) error) error {
	said := new(firstWords)
	return h.failure(h.fork(state, said, enter), said)
}

func (h Hook) fork(state []byte, said io.Writer, enter func(*sys.Program) error) error {
	in, err := inMemory(state)
	if err != nil {
		return err
	}
	defer in.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	prog := new(sys.Program)
	prog.Call("start a session", unix.SYS_SETSID)
	reset(prog)
	for fd, f := range []*os.File{in, w, w} {
		prog.Call("set stream", unix.SYS_DUP3, f.Fd(), uintptr(fd), 0)
	}
	err = enter(prog)
	var child *sys.Child
	if err == nil {
		child, err = sys.Fork(0, 3, prog.Exec(h.Path, h.argv(), h.Env))
	}
	w.Close()
	if err != nil {
		return err
	}
	defer child.PIDFD.Close()
	heard := inBackground(func() (int64, error) { return io.Copy(said, r) })
	err = h.await(child)
	_ = r.SetReadDeadline(time.Now().Add(time.Second)) // for those whom it left behind, with its streams
	_, _ = heard()
	return err
}

// await waits for a hook's end, as long as it may take.
func (h Hook) await(child *sys.Child) error {
	late := make(chan struct{})
	if h.Timeout > 0 {
		timer := time.AfterFunc(h.Timeout, func() {
			close(late)
			child.Kill()
		})
		defer timer.Stop()
	}
	failed := child.Running()
	ws, err := child.Wait()
	select {
	case <-late:
		return h.late()
	default:
	}
	switch {
	case failed != nil:
		var step *sys.StepError
		if errors.As(failed, &step) && step.Step == "execute "+h.Path {
			return step.Errno
		}
		return failed
	case err != nil:
		return err
	case ws.Signaled():
		return errors.New("killed by signal " + unix.SignalName(ws.Signal()))
	case ws.ExitStatus() != 0:
		return fmt.Errorf("exit status %d", ws.ExitStatus())
	}
	return nil
}

// inMemory is a file with the given content, at its beginning.
func inMemory(content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("state", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "state")
	if _, err = f.Write(content); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
