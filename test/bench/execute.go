// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// execute runs a command; its error has what the command said. What it says
// goes to a file: a pipe would only end with the last process that has it.
func execute(cmd *exec.Cmd) error {
	said, err := os.CreateTemp("", "bench-")
	if err != nil {
		return err
	}
	defer said.Close()
	defer os.Remove(said.Name())
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(said.Name())
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(text))
	}
	return nil
}

func systemctl(ctx context.Context, args ...string) error {
	return execute(exec.CommandContext(ctx, "systemctl", args...))
}

// properties reads KEY=VALUE lines.
func properties(text []byte) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			values[key] = value
		}
	}
	return values
}
