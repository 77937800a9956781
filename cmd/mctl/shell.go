// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"machined-go/machine/client"
	"machined-go/machine/client/terminal"
)

const shellHelp = `Shell opens a session in a machine, without a password: a login shell, or one
command. Root and those whom polkit allows may.

The command needs its whole path and runs on a terminal. Its exit status is not
known here; for that there is "systemd-run -M NAME --wait --pipe COMMAND".`

const shellExamples = `  mctl shell deb                           a root shell
  mctl shell ana@deb                       as the user "ana" of the machine
  mctl shell deb /usr/bin/apt update       one command
  mctl shell -E LANG=C deb /usr/bin/env

Ctrl-] three times within a second leaves.`

type shellOptions struct {
	user string
	env  []string
}

func newShellCmd(a *app) *cobra.Command {
	var o shellOptions
	cmd := &cobra.Command{
		Use:               "shell [USER@]NAME [COMMAND [ARGUMENT…]]",
		Short:             "run a shell or a command in a machine",
		GroupID:           groupEnter,
		Long:              shellHelp,
		Example:           shellExamples,
		ValidArgsFunction: a.completeFirst,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, shell, err := parseShell(args, o, os.LookupEnv)
			if err != nil {
				return misuse(cmd, err)
			}
			shell.Env = withTerm(shell.Env, isTerminal(a.in), os.Getenv("TERM"))
			ctx, stop := untilInterrupted(cmd.Context())
			defer stop()
			return a.converse(ctx, name, &terminal.Session{}, func(machines *client.Client) (*os.File, string, error) {
				return machines.OpenShell(ctx, name, shell)
			})
		},
	}
	// What follows the machine's name belongs to the command.
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVar(&o.user, "uid", "", "user to be in the machine (root)")
	cmd.Flags().StringArrayVarP(&o.env, "setenv", "E", nil, "NAME=VALUE, or NAME to take it from here")
	return cmd
}

// parseShell makes sense of [USER@]NAME [COMMAND…] and the flags.
func parseShell(args []string, o shellOptions, lookup func(string) (string, bool)) (string, client.Shell, error) {
	var shell client.Shell
	if len(args) == 0 {
		return "", shell, fmt.Errorf("name a machine")
	}
	user, name, found := strings.Cut(args[0], "@")
	if !found {
		user, name = "", args[0]
	}
	if user != "" && o.user != "" && user != o.user {
		return "", shell, fmt.Errorf("two users are named: %q by --uid and %q before the machine", o.user, user)
	}
	if user == "" {
		user = o.user
	}
	if name != hostMachine {
		if err := checkName(name); err != nil {
			return "", shell, err
		}
	}
	shell.User = user
	if len(args) > 1 {
		if !strings.HasPrefix(args[1], "/") {
			return "", shell, fmt.Errorf("the command %q needs its whole path, as /usr/bin/%s", args[1], args[1])
		}
		shell.Path, shell.Args = args[1], args[1:]
	}
	env, err := parseEnv(o.env, lookup)
	shell.Env = env
	return name, shell, err
}

// parseEnv completes names without a value from the caller's environment.
func parseEnv(list []string, lookup func(string) (string, bool)) ([]string, error) {
	var env []string
	for _, text := range list {
		name, _, assigned := strings.Cut(text, "=")
		if name == "" {
			return nil, fmt.Errorf("--setenv=%s: it is NAME=VALUE or NAME", text)
		}
		if !assigned {
			value, ok := lookup(name)
			if !ok {
				return nil, fmt.Errorf("--setenv=%s: there is no such variable here to take it from", name)
			}
			text = name + "=" + value
		}
		env = append(env, text)
	}
	return env, nil
}

// withTerm tells the program inside what terminal it has, unless the user did. A
// pipe is the dumbest: nobody wants a shell's escape sequences in it.
func withTerm(env []string, terminal bool, term string) []string {
	for _, text := range env {
		if strings.HasPrefix(text, "TERM=") {
			return env
		}
	}
	if !terminal {
		term = "dumb"
	}
	if term == "" {
		return env
	}
	return append(env, "TERM="+term)
}
