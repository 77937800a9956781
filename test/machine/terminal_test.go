// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"machined-go/test/lab"
)

// terminal is a command with a terminal, and who sits at it.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File

	mu   sync.Mutex
	seen strings.Builder
	from int // what was awaited already
}

// onTerminal starts a command in the lab with a terminal of its own.
func (h *host) onTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	master, slave, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	cmd := h.Command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, cmd: cmd, master: master}
	go term.read()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		master.Close()
	})
	return term
}

func openTerminal() (master, slave *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: "/dev/ptmx", Err: err}
	}
	master = os.NewFile(uintptr(fd), "terminal")
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
	}
	return master, slave, err
}

func (term *terminal) read() {
	buf := make([]byte, 4096)
	for {
		n, err := term.master.Read(buf)
		term.mu.Lock()
		term.seen.Write(buf[:n])
		term.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// await waits until the screen shows text, after what was awaited before.
func (term *terminal) await(text string) {
	term.t.Helper()
	lab.Eventually(term.t, 20*time.Second, func() error {
		term.mu.Lock()
		defer term.mu.Unlock()
		rest := term.seen.String()[term.from:]
		at := strings.Index(rest, text)
		if at < 0 {
			return errors.New("no " + strconv.Quote(text) + " on the terminal, but " + strconv.Quote(rest))
		}
		term.from += at + len(text)
		return nil
	})
}

func (term *terminal) typed(text string) {
	term.t.Helper()
	if _, err := term.master.WriteString(text); err != nil {
		term.t.Fatal(err)
	}
}

// ends waits for the command's end and gives its exit status.
func (term *terminal) ends() int {
	term.t.Helper()
	done := make(chan struct{})
	go func() {
		_ = term.cmd.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		term.t.Fatalf("%s does not end", term.cmd)
	}
	return term.cmd.ProcessState.ExitCode()
}
