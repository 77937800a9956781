// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update rewrites the transcripts: go test ./cmd/mctl -update
func update() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite testdata/*.transcript")
	if err := os.Setenv("TZ", "UTC"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// TestTranscripts runs the command lines in testdata/*.transcript on a host of
// their own and compares what they print. A line "$ mctl …" is a command; what
// it prints follows, on stderr with "! " in front, then "[N]" for an exit
// status N but 0. A line "# …" is a remark.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.transcript")
	if err != nil || len(paths) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".transcript"), func(t *testing.T) {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, newHost(t), string(want))
			if update() {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// replay runs the commands of a transcript and writes it anew.
func replay(t *testing.T, h *host, transcript string) string {
	t.Helper()
	var got strings.Builder
	for line := range strings.Lines(transcript) {
		if strings.HasPrefix(line, "#") {
			got.WriteString(line)
		}
		command, ok := strings.CutPrefix(line, "$ mctl")
		if !ok {
			continue
		}
		got.WriteString(line)
		out, errout, status := h.mctl(t, strings.Fields(command)...)
		got.WriteString(out)
		for line := range strings.Lines(errout) {
			got.WriteString("! " + line)
		}
		if status != 0 {
			fmt.Fprintf(&got, "[%d]\n", status)
		}
		got.WriteString("\n")
	}
	return strings.TrimRight(got.String(), "\n") + "\n"
}
