// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestEveryVerbTeaches holds the help of all verbs to what users need of it.
func TestEveryVerbTeaches(t *testing.T) {
	everyVerbTeaches(t, newRootCmd(&app{}, verbs()))
}

func everyVerbTeaches(t *testing.T, parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		if cmd.Hidden || cmd.Name() == "help" {
			continue
		}
		name := cmd.CommandPath()
		if cmd.Long == "" || strings.Count(cmd.Example, name) == 0 {
			t.Errorf("%s: no help, or no example of itself", name)
		}
		if cmd.Runnable() && cmd.Args == nil && cmd.Name() != "shell" {
			t.Errorf("%s: takes any arguments", name)
		}
		for line := range strings.Lines(cmd.Long + "\n" + cmd.Example) {
			if len([]rune(line)) > 90 {
				t.Errorf("%s: line is too long: %s", name, line)
			}
		}
		everyVerbTeaches(t, cmd)
	}
}

func TestCompletionKnowsMachinesAndImages(t *testing.T) {
	tests := []struct {
		words string
		want  []string
	}{
		{"poweroff ", []string{"db", "web"}},
		{"poweroff web ", []string{"db"}},
		{"start ", []string{"broken", "cache"}},
		{"enable c", []string{"cache"}},
		{"generate oci w", []string{"web"}},
		{"shell d", []string{"db"}},
		{"kill --kill-whom=", []string{"all", "leader", "supervisor"}},
		{"list -o ", []string{"table", "wide", "json", "name"}},
	}
	h := newHost(t)
	for _, test := range tests {
		words := strings.Split(test.words, " ")
		out, _, status := h.mctl(t, append([]string{cobra.ShellCompNoDescRequestCmd}, words...)...)
		got := strings.Fields(out)
		if status != 0 || len(got) == 0 || strings.Join(got[:len(got)-1], " ") != strings.Join(test.want, " ") {
			t.Errorf("%q: got %q, status %d", test.words, out, status)
		}
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		out, _, status := newHost(t).mctl(t, "completion", shell)
		if status != 0 || !strings.Contains(out, "mctl") {
			t.Errorf("%s: status %d", shell, status)
		}
	}
}

func TestManualHasAPageForEachVerb(t *testing.T) {
	folder := t.TempDir()
	if _, errout, status := newHost(t).mctl(t, "man", folder); status != 0 {
		t.Fatal(errout)
	}
	page, err := os.ReadFile(filepath.Join(folder, "mctl-poweroff.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{".TH MCTL-POWEROFF 1", `\-\-timeout`, ".SH EXAMPLES", "Also: stop"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("no %q in:\n%s", want, page)
		}
	}
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "'") {
			t.Errorf("troff takes this line for its own: %s", line)
		}
	}
	if pages, _ := filepath.Glob(folder + "/mctl*.1"); len(pages) < 13 {
		t.Errorf("only %d pages", len(pages))
	}
}
