// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"machined-go/boot"
	"machined-go/journal"
	"machined-go/unitgen"
)

const whyHelp = `Why tells how a machine's last life ended: why it did not start, or why it
stopped. It reads the host's journal, so it also knows of earlier boots of the
host if the journal is kept (journald.conf(5), Storage=). Exit status 3 if that
was a failure, 4 if the journal does not know the machine.`

const whyExamples = `  mctl why web
  mctl why -o json web         for programs

The machine's own log: journalctl -M web, or journalctl -u contain@web.`

// Exit statuses of why.
const (
	exitWasFailure = 3
	exitUnknown    = 4
)

func newWhyCmd(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:               "why NAME",
		Short:             "tell why a machine stopped or did not start",
		GroupID:           groupLook,
		Long:              whyHelp,
		Example:           whyExamples,
		Args:              oneName,
		ValidArgsFunction: a.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return misuse(cmd, fmt.Errorf("--output=%s: it is one of text, json", format))
			}
			return a.why(cmd.Context(), args[0], format)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	a.completeFlag(cmd, "output", "text", "json")
	return cmd
}

func (a *app) why(ctx context.Context, name, format string) error {
	end, known, err := a.lastEnd(ctx, name)
	if err != nil {
		return err
	}
	if !known {
		fmt.Fprintf(a.err, "mctl: the journal knows nothing of a machine %q: see `mctl list --all`\n", name)
		return exitStatus(exitUnknown)
	}
	if format == "json" {
		err = a.printJSON(struct {
			Machine string `json:"machine"`
			journal.End
		}{name, end})
	} else {
		a.printEnd(name, end)
	}
	if err == nil && end.Bad {
		return exitStatus(exitWasFailure)
	}
	return err
}

// whyEntries is how many entries of the journal are looked at, the newest.
const whyEntries = "--lines=400"

func (a *app) lastEnd(ctx context.Context, name string) (journal.End, bool, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return journal.End{}, false, fmt.Errorf("read boot id of the host: %w", err)
	}
	query := journal.Query(name, unitgen.Service(name), unitgen.Scope(name))
	text, err := a.journal(ctx, append([]string{"--output=json", whyEntries}, query...)...)
	if err != nil {
		return journal.End{}, false, fmt.Errorf("read the journal: %w", err)
	}
	end, known := journal.LastEnd(journal.ReadEntries(text), strings.ReplaceAll(strings.TrimSpace(string(id)), "-", ""))
	return end, known, nil
}

func (a *app) printEnd(name string, end journal.End) {
	hue := green
	if end.Bad {
		hue = red
	}
	var c card
	c.title(name+" "+end.What, hue)
	c.line("When", fmt.Sprintf("%s; %s ago", end.Time.Format("Mon 2006-01-02 15:04:05 MST"), span(a.now().Sub(end.Time))))
	for _, part := range []struct{ label, text string }{
		{"Step", end.Step}, {"Path", end.Path}, {"Cause", end.Cause}, {"Do", end.Do},
	} {
		if part.text != "" {
			c.line(part.label, oneLine(part.text))
		}
	}
	fmt.Fprint(a.out, c.text(a.colour))
}

// noteFailure writes a start that failed into the journal, where why finds it. That it cannot be written is no further failure.
func noteFailure(name string, err error) {
	fields := []journal.Field{
		{Name: "MESSAGE", Value: explain(err)}, {Name: "MESSAGE_ID", Value: journal.MessageFailure}, {Name: "PRIORITY", Value: "3"},
		{Name: "SYSLOG_IDENTIFIER", Value: "mctl"}, {Name: "NAME", Value: name},
	}
	var failure *boot.Failure
	if errors.As(err, &failure) {
		cause := failure.Err.Error()
		fields = append(fields, journal.Field{Name: "MACHINED_GO_STEP", Value: failure.Step},
			journal.Field{Name: "MACHINED_GO_PATH", Value: failure.Path()}, journal.Field{Name: "MACHINED_GO_CAUSE", Value: cause},
			journal.Field{Name: "MACHINED_GO_DO", Value: failure.Hint()}, journal.Field{Name: "ERRNO", Value: fmt.Sprint(int(failure.Errno()))})
	}
	_ = journal.NewWriter(journal.Socket).Notice(fields...)
}
