// SPDX-License-Identifier: Apache-2.0

// Command demo logs in to a machine through a terminal, as a person would, and
// out again: demo MACHINE USER PASSWORD. What the terminal shows goes to
// standard output. It fails if the machine does not answer as it should.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: demo MACHINE USER PASSWORD")
		os.Exit(2)
	}
	if err := login(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintf(os.Stderr, "\nlog in to machine %q: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

const enter = "\r"

// leave is Ctrl-] three times.
var leave = strings.Repeat("\x1d", 3)

func login(machine, user, password string) error {
	t, err := open("mctl", "login", machine)
	if err != nil {
		return err
	}
	for _, step := range []struct{ await, press string }{
		{"login: ", user + enter},
		{"assword: ", password + enter},
		{"~# ", "hostname; id -u" + enter},
		{machine + "\r\n0\r\n", ""},
		{"~# ", "logout" + enter},
		{"login: ", leave},
	} {
		if err = errors.Join(t.await(step.await), t.press(step.press)); err != nil {
			_ = t.press(leave)
			break
		}
	}
	return errors.Join(err, t.close())
}
