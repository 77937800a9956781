// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"machined-go/machine/client"
	"machined-go/machine/client/terminal"
)

// gettyPause is longer than any time in which a login prompt has its terminal
// closed: login(1) hangs it up once, and the prompt comes again after a logout.
const gettyPause = 2 * time.Second

// lastAnswer is how long a login whose input has ended waits for the machine to
// say more: a login prompt has no end of its own.
const lastAnswer = 3 * time.Second

const loginHelp = `Login gives you a login prompt in a machine, on a terminal of its own.

Press Ctrl-] three times within a second to leave. As on any console, a logout
brings the next prompt. ".host" is this host itself.`

const loginExamples = `  mctl login deb
  mctl login .host             a login prompt of this host

Without a password: mctl shell deb.`

func newLoginCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:               "login NAME",
		Short:             "get a login prompt in a machine",
		GroupID:           groupEnter,
		Long:              loginHelp,
		Example:           loginExamples,
		ValidArgsFunction: a.completeRunning,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == hostMachine {
				return nil
			}
			return oneName(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := untilInterrupted(cmd.Context())
			defer stop()
			how := terminal.Session{Patience: gettyPause, Quiet: lastAnswer}
			return a.converse(ctx, args[0], &how, func(machines *client.Client) (*os.File, string, error) {
				return machines.OpenLogin(ctx, args[0])
			})
		},
	}
}

// hostMachine is the host itself in the table of machines.
const hostMachine = ".host"

// opener asks the manager for a terminal inside.
type opener func(*client.Client) (master *os.File, slave string, err error)

// converse opens a terminal in a machine and joins the user's with it.
func (a *app) converse(ctx context.Context, name string, session *terminal.Session, open opener) error {
	machines, err := a.client()
	if err != nil {
		return err
	}
	watch, err := machines.Watch(ctx, name)
	if err != nil {
		return err
	}
	defer watch.Close()
	master, _, err := open(machines)
	if err != nil {
		return err
	}
	defer master.Close()
	a.remark("Connected to machine %s. Press Ctrl-] three times within 1 s to leave.", name)
	session.In, session.Out, session.Master, session.Gone = a.in, a.file(), master, removal(watch)
	end, err := session.Run(ctx)
	if end == terminal.MachineGone {
		a.remark("\nMachine %s is gone.", name)
	} else {
		a.remark("\nConnection to machine %s ended.", name)
	}
	return err
}

// file gives the screen as a file; tests have another writer there.
func (a *app) file() *os.File {
	if f, ok := a.out.(*os.File); ok {
		return f
	}
	return os.Stdout
}

// remark tells what a program that reads our output does not want to hear.
func (a *app) remark(format string, args ...any) {
	if isTerminal(a.in) {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
}

// removal gives a channel that closes when the watched machine goes.
func removal(watch *client.Watch) <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		for event := range watch.Events {
			if event.Removed {
				close(gone)
				return
			}
		}
	}()
	return gone
}
