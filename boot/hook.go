// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"machined-go/boot/sys/entry"
)

// Hook is a program that a bundle has run at a certain moment of a container's life; it reads the container's state on its standard
// input.
type Hook struct {
	Field     string // where the bundle asks for it: hooks.poststop[0]
	Path      string
	Args, Env []string
	Timeout   time.Duration // 0: none
}

// Hooks are a bundle's, by moment, in the order in which these come.
type Hooks struct {
	Prestart, CreateRuntime []Hook // by the host, once the container's namespaces and mounts are there
	CreateContainer         []Hook // a program of the host, in the container's namespaces, before its root is
	StartContainer          []Hook // a program of the container, in it, with its rights
	Poststart, Poststop     []Hook // by the host
}

// early tells whether there are hooks that come before the container's root is final.
func (h Hooks) early() bool { return len(h.Prestart)+len(h.CreateRuntime)+len(h.CreateContainer) > 0 }

// Statuses of a container, as the specification's runtime.md has them.
const (
	statusCreating = "creating"
	statusCreated  = "created"
	statusRunning  = "running"
	statusStopped  = "stopped"
)

// state is what hooks are told.
func (p *Plan) state(status string, pid int) []byte {
	c := p.Spec.Container
	text, _ := json.Marshal(struct { // strings and numbers only
		Version     string            `json:"ociVersion"`
		ID          string            `json:"id"`
		Status      string            `json:"status"`
		PID         int               `json:"pid,omitempty"`
		Bundle      string            `json:"bundle"`
		Annotations map[string]string `json:"annotations,omitempty"`
	}{c.Version, p.Spec.Name, status, pid, c.Bundle, c.Annotations})
	return text
}

// runHooks runs hooks on the host, one after the other, until one fails.
func runHooks(ctx context.Context, hooks []Hook, dir string, state []byte) error {
	for _, h := range hooks {
		if err := h.run(ctx, dir, state); err != nil {
			return err
		}
	}
	return nil
}

func (h Hook) run(ctx context.Context, dir string, state []byte) error {
	if h.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.Timeout)
		defer cancel()
	}
	said := new(firstWords)
	cmd := exec.CommandContext(ctx, h.Path)
	cmd.Args, cmd.Env, cmd.Dir = h.argv(), append([]string{}, h.Env...), dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(state), said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for those whom it left behind, with its streams
	err := startPlainly(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
		err = h.late()
	}
	return h.failure(err, said)
}

// startPlainly starts a command with the timers that we were started with.
func startPlainly(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	entry.Restore()
	return cmd.Start()
}

func (h Hook) argv() []string {
	if len(h.Args) > 0 {
		return h.Args
	}
	return []string{h.Path}
}

func (h Hook) late() error { return fmt.Errorf("not done after %v: killed", h.Timeout) }

// failure says which hook it was, and what it had to say.
func (h Hook) failure(err error, said *firstWords) error {
	if err == nil {
		return nil
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	text := fmt.Sprintf("%s: run %q: %v", h.Field, h.Path, err)
	if words := strings.Join(strings.Fields(said.String()), " "); words != "" {
		text += ": it said: " + words
	}
	return errors.New(text)
}

// firstWords keeps the beginning of what is written to it.
type firstWords struct{ bytes.Buffer }

func (w *firstWords) Write(b []byte) (int, error) {
	const most = 400
	_, _ = w.Buffer.Write(b[:min(len(b), most-w.Len())])
	return len(b), nil
}

var _ io.Writer = (*firstWords)(nil)

// moments are all hooks, by moment.
func (h Hooks) moments() []struct {
	name  string
	hooks []Hook
} {
	return []struct {
		name  string
		hooks []Hook
	}{
		{"prestart", h.Prestart}, {"createRuntime", h.CreateRuntime}, {"createContainer", h.CreateContainer},
		{"startContainer", h.StartContainer}, {"poststart", h.Poststart}, {"poststop", h.Poststop},
	}
}
