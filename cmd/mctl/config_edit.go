// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"machined-go/boot/settings"
)

const configEditHelp = `Edit opens the settings of a machine in an editor: its own file,
/etc/machined-go/machines/NAME.toml, or, where settings come from another first
file, a drop-in on top of that. The editor is $SYSTEMD_EDITOR, $EDITOR, $VISUAL,
or the first of editor, nano, vim and vi.

The file is checked before it takes the place of the old one. What has mistakes
can be edited again; it is never lost.`

const configEditExamples = `  mctl config edit web
  EDITOR=nano mctl config edit web`

func newConfigEditCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "edit NAME",
		Short:             "edit settings of a machine, checked before they count",
		Long:              configEditHelp,
		Example:           configEditExamples,
		Args:              oneName,
		ValidArgsFunction: a.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.editConfig(cmd.Context(), args[0])
		},
	}
}

// editConfig lets the user edit a copy until it is right, and puts it into its place.
func (a *app) editConfig(ctx context.Context, name string) error {
	path, old, fresh, err := a.settings.EditTarget(name, rootOf(name))
	if err != nil {
		return err
	}
	copied, err := editCopy(path, old)
	if err != nil {
		return err
	}
	text, err := a.editUntilRight(ctx, name, path, copied)
	if err != nil {
		return fmt.Errorf("%w: what you wrote is in %s", err, copied)
	}
	if text != old && !(fresh && settings.IsEmpty(text)) {
		if err := putEdited(path, old, text, fresh); err != nil {
			return fmt.Errorf("%w: what you wrote is in %s", err, copied)
		}
		a.tellEdited(ctx, name, path)
	} else if a.screen {
		fmt.Fprintf(a.out, "%s is as it was\n", path)
	}
	return os.RemoveAll(filepath.Dir(copied))
}

// editCopy puts a file's content where only the user can read it, under the same name, by which editors know what it is.
func editCopy(path, content string) (string, error) {
	dir, err := os.MkdirTemp("", "mctl-edit-")
	if err != nil {
		return "", err
	}
	copied := filepath.Join(dir, filepath.Base(path))
	return copied, os.WriteFile(copied, []byte(content), 0o600)
}

// editUntilRight runs the editor, again as long as there are mistakes and the user wants to.
func (a *app) editUntilRight(ctx context.Context, name, path, copied string) (string, error) {
	for {
		if err := a.runEditor(ctx, copied); err != nil {
			return "", err
		}
		text, err := os.ReadFile(copied)
		if err != nil {
			return "", err
		}
		set, err := a.settings.Proof(name, rootOf(name), path, string(text))
		if err == nil {
			a.tellNotes(set.Notes)
			return string(text), nil
		}
		if !a.askAgain(err) {
			return "", err
		}
	}
}

// askAgain tells of mistakes and asks whether to go on editing; nobody who could answer means no.
func (a *app) askAgain(mistakes error) bool {
	if !a.screen || !isTerminal(a.in) {
		return false
	}
	a.report(mistakes)
	fmt.Fprint(a.out, "Edit again? [Y/n] ")
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	return err == nil && !strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "n")
}

func (a *app) runEditor(ctx context.Context, path string) error {
	words, err := editor()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, words[0], append(words[1:], path)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.in, a.out, a.err
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run editor %q: %w", words[0], err)
	}
	return nil
}

// editor is the command that systemctl edit would run.
func editor() ([]string, error) {
	if chosen := strings.Fields(cmp.Or(os.Getenv("SYSTEMD_EDITOR"), os.Getenv("EDITOR"), os.Getenv("VISUAL"))); len(chosen) > 0 {
		return chosen, nil
	}
	for _, name := range []string{"editor", "nano", "vim", "vi"} {
		if path, err := exec.LookPath(name); err == nil {
			return []string{path}, nil
		}
	}
	return nil, errors.New("there is no editor here: set $EDITOR to one")
}

// putEdited puts what was edited into its place, unless somebody else has been there meanwhile.
func putEdited(path, old, text string, fresh bool) error {
	now, err := os.ReadFile(path)
	switch {
	case fresh && err == nil, !fresh && (err != nil || string(now) != old):
		return fmt.Errorf("%s has been changed by somebody else meanwhile", path)
	}
	return settings.WriteFile(path, text)
}

func (a *app) tellEdited(ctx context.Context, name, path string) {
	text := path + " is written"
	if a.runs(ctx, name) {
		text += fmt.Sprintf(", and takes effect at the next start of %s", name)
	}
	fmt.Fprintln(a.out, text)
}
