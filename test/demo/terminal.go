// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long any answer may take.
const patience = 30 * time.Second

// terminal is a program on a terminal of its own, used as a person would: by
// reading what it shows and typing.
type terminal struct {
	master *os.File
	cmd    *exec.Cmd
	shown  chan []byte
	seen   string // what was shown and not yet awaited
}

func open(argv ...string) (*terminal, error) {
	master, slave, err := newPTY()
	if err != nil {
		return nil, fmt.Errorf("make terminal: %w", err)
	}
	defer slave.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		master.Close()
		return nil, err
	}
	t := &terminal{master: master, cmd: cmd, shown: make(chan []byte, 100)}
	go t.read()
	return t, nil
}

func newPTY() (master, slave *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	master = os.NewFile(uintptr(fd), "terminal")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		return nil, nil, err
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	return master, slave, err
}

// read passes on what the program shows, until it has closed its terminal.
func (t *terminal) read() {
	defer close(t.shown)
	for {
		buffer := make([]byte, 4096)
		n, err := t.master.Read(buffer)
		if n > 0 {
			_, _ = os.Stdout.Write(buffer[:n])
			t.shown <- buffer[:n]
		}
		if err != nil {
			return
		}
	}
}

// await returns when the program has shown text after what was awaited before.
func (t *terminal) await(text string) error {
	deadline := time.After(patience)
	for {
		if _, rest, ok := strings.Cut(t.seen, text); ok {
			t.seen = rest
			return nil
		}
		select {
		case shown, ok := <-t.shown:
			if !ok {
				return fmt.Errorf("terminal closed before it showed %q", text)
			}
			t.seen += string(shown)
		case <-deadline:
			return fmt.Errorf("terminal did not show %q within %v", text, patience)
		}
	}
}

func (t *terminal) press(keys string) error {
	_, err := t.master.WriteString(keys)
	return err
}

// close returns how the program ended; it has to by itself.
func (t *terminal) close() error {
	defer t.master.Close()
	overdue := time.AfterFunc(patience, func() { _ = t.cmd.Process.Kill() })
	defer overdue.Stop()
	for range t.shown {
	}
	return t.cmd.Wait()
}
