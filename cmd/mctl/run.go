// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"machined-go/boot"
	"machined-go/boot/handover"
	"machined-go/machine/client/terminal"
)

const runHelp = `Run boots an OS tree in the foreground, or runs one command in it instead of
its init, and returns when that ends. IMAGE is the name of an image in
/var/lib/machines, or a path with a "/" in it. The machine is registered like
any other; it ends with mctl. A signal asks it to power off, a second one ends
it at once. With --detach, systemd has it: run returns once it is ready, and
it is the unit contain@NAME.service.

Flags have the names they have in systemd-nspawn, and count more than settings
files (machine.toml(5)); lists go on from these, but for the network. What
nobody says is safer than there: the machine has users and a network of its
own, and without a command it boots.

Where systemd is not PID 1, machines run all the same, with a cgroup that is
made by hand: they have no limits and are on no list.

The exit status is that of the command, 128 and the signal's number if a signal
killed it, 0 if a booted system powered off. mctl's own failures give 125, a
command that cannot be executed 126, one that is not there 127.`

const runExamples = `  mctl run deb                            boot it here, with a console
  mctl run deb /bin/sh                    look around in it
  mctl run deb /usr/bin/apt list | wc -l  pipes work
  mctl run --read-only ./tree /bin/true
  mctl run -D ./tree --bind=/srv:/mnt /bin/ls /mnt
  mctl run --detach --memory=2G deb       boot it as a service
  mctl run --dry-run deb                  only say what would be done

Next: mctl list, from another terminal.`

// Exit statuses of run's own failures, as of env(1) and of container tools.
const (
	exitRun       = 125
	exitCannotRun = 126
	exitNoCommand = 127
)

// runOptions are what a command line of run says.
type runOptions struct {
	asked []asked   // of the machine, in its order
	alone boot.Spec // what that means without settings

	name, assigned          string // assigned is the one that a machine without a name was given
	directory, image, stack string
	boot, detach, remove    bool
	cleanup, keepUnit       bool
	settings, register      string
	background              string
	bundle                  string // folder of an OCI bundle to run instead of an image
	missing                 error  // that there is no image yet, which is none with a template
	dryRun                  dryRun
}

func newRunCmd(a *app) *cobra.Command {
	o := new(runOptions)
	cmd := &cobra.Command{
		Use:               "run [FLAGS] IMAGE [COMMAND [ARGUMENT…]]",
		GroupID:           groupRun,
		Short:             "boot an image, or run one command in it, in the foreground",
		Long:              runHelp,
		Example:           runExamples,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: a.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if os.Geteuid() != 0 {
				return a.runStatus(0, errors.New("only root can run a machine: use sudo"))
			}
			s := catchSignals(cmd.Context())
			defer s.forget()
			return a.runStatus(a.run(s, o, args))
		},
	}
	o.addFlags(cmd.Flags())
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return a.runStatus(0, misuse(cmd, err)) })
	showGroups(cmd)
	return cmd
}

// signals are how a user ends a machine.
type signals struct {
	first  context.Context // ends with the first one
	second <-chan struct{} // is closed with the second
	caught <-chan struct{} // is closed once they do that: until then, one ends mctl
	forget context.CancelFunc
}

// catchSignals has the run-time catch them, which takes it a while that need not be waited for before anything is to be undone. They
// stay caught, for mctl ends with the machine.
func catchSignals(parent context.Context) signals {
	ctx, cancel := context.WithCancel(parent)
	second, caught := make(chan struct{}), make(chan struct{})
	go func() {
		sent := make(chan os.Signal, 2)
		signal.Notify(sent, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		close(caught)
		<-sent
		cancel()
		<-sent
		close(second)
	}()
	return signals{first: ctx, second: second, caught: caught, forget: cancel}
}

// run runs a machine and gives its exit status.
func (a *app) run(s signals, o *runOptions, args []string) (status int, err error) {
	if o.bundle != "" {
		return a.runBundle(s, o, args)
	}
	if o.dryRun != "" {
		spec, err := a.resolve(o, args)
		if err != nil {
			return 0, err
		}
		return 0, a.preview(spec, o.dryRun)
	}
	if o.cleanup {
		return 0, a.cleanUp(o, args)
	}
	if o.detach {
		<-s.caught
		return 0, a.detach(s.first, o, args)
	}
	starter, err := a.starter(o)
	if err != nil {
		return 0, err
	}
	spec, err := a.resolve(o, args)
	manager := handover.FromEnv()
	if err == nil {
		err = boot.Guard(spec, manager, nil)
	}
	if err != nil {
		return 0, err
	}
	<-s.caught
	ctx := s.first
	made, err := readyTree(ctx, &spec)
	if made && o.remove {
		defer func() { err = errors.Join(err, removeTree(context.WithoutCancel(ctx), spec.Root)) }()
	}
	if err != nil {
		return 0, err
	}
	a.record(spec.Name)
	mode := spec.ConsoleMode(isTerminal(a.in) && a.screen)
	spec.Terminal = mode != boot.ConsolePipe
	f := &boot.Foreground{
		Insist:    s.second,
		Manager:   manager,
		Starter:   starter,
		LockImage: claimImage(&spec),
		Converse: func(master *os.File, gone <-chan struct{}) error {
			return a.watchConsole(ctx, mode, &terminal.Session{Master: master, Gone: gone, Background: o.background})
		},
	}
	ws, err := f.Run(ctx, spec)
	if err != nil {
		noteFailure(spec.Name, err)
		return 0, err
	}
	if spec.HasInit() && ws.Signaled() && ws.Signal() == unix.SIGINT {
		return 0, nil // how the kernel ends an init that powers off
	}
	return statusOf(ws), nil
}

// watchConsole joins the caller's streams with a machine's console, as far as the mode has it.
func (a *app) watchConsole(ctx context.Context, mode string, session *terminal.Session) error {
	session.Out = a.file()
	switch mode {
	case boot.ConsoleInteractive:
		session.In = a.in
	case boot.ConsolePassive:
		nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		defer nowhere.Close()
		session.Out = nowhere
	}
	_, err := session.Run(context.WithoutCancel(ctx))
	return err
}

// runStatus says what went wrong and turns it into run's exit statuses.
func (a *app) runStatus(status int, err error) error {
	if err == nil {
		return exitStatus(status)
	}
	a.report(err)
	var command *boot.CommandError
	switch {
	case !errors.As(err, &command):
		return exitStatus(exitRun)
	case errors.Is(err, fs.ErrNotExist):
		return exitStatus(exitNoCommand)
	}
	return exitStatus(exitCannotRun)
}

// statusOf turns the end of a process into the exit status a shell would give.
func statusOf(ws unix.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}
