// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

func TestConversation(t *testing.T) {
	term, err := open("sh", "-c", `stty -echo; printf 'name? '; read -r name; echo "hello $name"; tty >&2; exit 3`)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ await, press string }{{"name? ", "you\r"}, {"hello you\r\n/dev/pts/", ""}} {
		if err := errors.Join(term.await(step.await), term.press(step.press)); err != nil {
			t.Fatal(err)
		}
	}
	var exit *exec.ExitError
	if err := term.close(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("close: %v, want exit status 3", err)
	}
}

func TestAwaitedOnlyOnce(t *testing.T) {
	term, err := open("echo", "once")
	if err != nil {
		t.Fatal(err)
	}
	if err := term.await("once"); err != nil {
		t.Fatal(err)
	}
	if err := term.await("once"); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("second await: %v, want that the terminal closed", err)
	}
	_ = term.close()
}
