// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"machined-go/boot"
	"machined-go/journal"
)

const healthHelp = `Health runs the check that a machine's settings name ([health] in
machine.toml(5)) once, as the machine's timer machined-go-health@NAME.timer does
now and again. Exit status 3 if it failed.`

// exitUnhealthy is for a check that failed.
const exitUnhealthy = 3

// health is the outcome of a machine's checks so far.
type health struct {
	Checked  time.Time `json:"checked"`
	Failures int       `json:"failures"` // in a row
	Output   string    `json:"output,omitempty"`
}

func newHealthCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "health NAME",
		Short:             "check once whether a machine works",
		GroupID:           groupLook,
		Long:              healthHelp,
		Example:           "  mctl health web",
		Args:              oneName,
		ValidArgsFunction: a.completeRunning,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.checkHealth(cmd.Context(), args[0])
		},
	}
}

// checkHealth runs a machine's check, notes what came of it, and restarts the machine after too many failures.
func (a *app) checkHealth(ctx context.Context, name string) error {
	spec, err := a.serviceSpec(name)
	if err != nil {
		return err
	}
	if len(spec.Health.Command) == 0 {
		return fmt.Errorf("check machine %q: its settings name no check: see [health] in machine.toml(5)", name)
	}
	times, err := spec.Health.Times()
	if err != nil {
		return err
	}
	machines, err := a.client()
	if err != nil {
		return err
	}
	m, err := machines.Machine(ctx, name)
	if err != nil {
		return err
	}
	output, works := runCheck(ctx, name, spec.Health.Command, times.Timeout)
	if works {
		return noteHealth(name, health{Checked: a.now()})
	}
	if !m.Since.IsZero() && a.now().Sub(m.Since) < times.StartPeriod {
		return exitStatus(exitUnhealthy)
	}
	return a.unhealthy(ctx, spec, output)
}

func (a *app) unhealthy(ctx context.Context, spec boot.Spec, output string) error {
	h := readHealth(spec.Name)
	h.Checked, h.Output, h.Failures = a.now(), output, h.Failures+1
	limit := spec.Health.Limit()
	fmt.Fprintf(a.err, "mctl: health check of machine %q failed, %d of %d: %s\n", spec.Name, h.Failures, limit, output)
	again := h.Failures >= limit && spec.Health.Action != "none"
	if again {
		h.Failures = 0
	}
	err := noteHealth(spec.Name, h)
	if again {
		noteUnhealthy(spec.Name, output)
		service, unitsErr := a.units(ctx)
		if unitsErr == nil {
			unitsErr = service.QueueRestart(ctx, unitOf(spec.Name))
		}
		err = errors.Join(err, unitsErr)
	}
	if err != nil {
		return err
	}
	return exitStatus(exitUnhealthy)
}

// maxOutput bounds what is kept of a check's words.
const maxOutput = 200

// runCheck runs a command by the machine's own systemd, so that it is confined as the machine is, and gives its last line.
func runCheck(ctx context.Context, name string, command []string, limit time.Duration) (output string, works bool) {
	// For what is done besides: a guest that hangs does not answer its systemd-run either.
	ctx, cancel := context.WithTimeout(ctx, limit+time.Second)
	defer cancel()
	args := []string{"--machine=" + name, "--quiet", "--wait", "--pipe", "--collect", "--service-type=exec",
		fmt.Sprintf("--property=RuntimeMaxSec=%dms", limit.Milliseconds()), "--"}
	cmd := exec.CommandContext(ctx, "systemd-run", append(args, command...)...)
	var last tail
	cmd.Stdout, cmd.Stderr = &last, &last
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	text := oneLine(string(last.bytes))
	if text == "" && err != nil {
		text = err.Error()
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		text = "it took longer than " + limit.String()
	}
	return text, err == nil
}

// tail keeps the end of what is written to it.
type tail struct{ bytes []byte }

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.bytes = append(t.bytes, b...)
	if extra := len(t.bytes) - maxOutput; extra > 0 {
		t.bytes = t.bytes[extra:]
	}
	return len(b), nil
}

// readHealth gives what was noted last; nothing if there was no check yet.
func readHealth(name string) (h health) {
	text, err := os.ReadFile(boot.HealthFile(name))
	if err != nil || json.Unmarshal(text, &h) != nil {
		return health{}
	}
	return h
}

// noteHealth notes an outcome for a machine whose start made the note; one that has ended meanwhile gets none.
func noteHealth(name string, h health) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	path := boot.HealthFile(name)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("note health of machine %q: %w", name, err)
	}
	defer f.Close()
	if _, err := f.WriteAt(text, 0); err != nil {
		return fmt.Errorf("note health of machine %q: %w", name, err)
	}
	return f.Truncate(int64(len(text)))
}

// noteUnhealthy writes into the journal why a machine is restarted, where why finds it.
func noteUnhealthy(name, output string) {
	_ = journal.NewWriter(journal.Socket).Notice(
		journal.Field{Name: "MESSAGE", Value: fmt.Sprintf("machine %q is restarted: its health check failed: %s", name, output)},
		journal.Field{Name: "MESSAGE_ID", Value: journal.MessageUnhealthy}, journal.Field{Name: "PRIORITY", Value: "4"},
		journal.Field{Name: "SYSLOG_IDENTIFIER", Value: "mctl"}, journal.Field{Name: "NAME", Value: name},
		journal.Field{Name: "MACHINED_GO_CAUSE", Value: output},
	)
}

// healthLine is for status.
func healthLine(name string, now time.Time) string {
	if _, err := os.Stat(boot.HealthFile(name)); err != nil {
		return ""
	}
	h := readHealth(name)
	switch {
	case h.Checked.IsZero():
		return "not checked yet"
	case h.Failures > 0:
		return fmt.Sprintf("failed %d times in a row, last %s ago: %s", h.Failures, span(now.Sub(h.Checked)), h.Output)
	}
	return fmt.Sprintf("good %s ago", span(now.Sub(h.Checked)))
}
