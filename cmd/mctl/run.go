// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"machined-go/boot"
	"machined-go/machine/client/terminal"
	"machined-go/machine/image"
)

const runHelp = `Run boots an OS tree in the foreground, or runs one command in it instead of
its init, and returns when that ends. IMAGE is the name of an image in
/var/lib/machines, or a path with a "/" in it. The machine is registered like
any other; it ends with mctl. A signal asks it to power off, a second one ends
it at once.

The exit status is that of the command, 128 and the signal's number if a signal
killed it, 0 if a booted system powered off. mctl's own failures give 125, a
command that cannot be executed 126, one that is not there 127.`

const runExamples = `  mctl run deb                            boot it here, with a console
  mctl run deb /bin/sh                    look around in it
  mctl run deb /usr/bin/apt list | wc -l  pipes work
  mctl run --read-only ./tree /bin/true
  mctl run --dry-run deb                  only say what would be done

Next: mctl list, from another terminal.`

// Exit statuses of run's own failures, as of env(1) and of container tools.
const (
	exitRun       = 125
	exitCannotRun = 126
	exitNoCommand = 127
)

type runOptions struct {
	spec    boot.Spec
	env     []string
	dryRun  dryRun
	settle  func(*boot.Spec) error // applies settings
	bundle  string                 // folder of an OCI bundle to run instead of an image
	network string
}

func newRunCmd(a *app) *cobra.Command {
	o := runOptions{settle: a.settle}
	cmd := &cobra.Command{
		Use:     "run [FLAGS] IMAGE [COMMAND [ARGUMENT…]]",
		GroupID: groupRun,
		Short:   "boot an image, or run one command in it, in the foreground",
		Long:    runHelp,
		Example: runExamples,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.bundle != "" {
				return nil
			}
			return cobra.MinimumNArgs(1)(cmd, args)
		},
		ValidArgsFunction: a.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if os.Geteuid() != 0 {
				return a.runStatus(0, errors.New("only root can run a machine: use sudo"))
			}
			if cmd.Flags().Changed("machine") || cmd.Flags().Changed("name") {
				if err := boot.CheckName(o.spec.Name); err != nil {
					return a.runStatus(0, err)
				}
			}
			ctx, insist, stop := twoSignals(cmd.Context())
			defer stop()
			return a.runStatus(a.run(ctx, insist, o, args))
		},
	}
	flags := cmd.Flags()
	flags.SetInterspersed(false)
	flags.StringVarP(&o.spec.Name, "machine", "M", "", "name of the machine (default: the image's)")
	flags.StringVar(&o.spec.Hostname, "hostname", "", "host name inside (default: the machine's name)")
	flags.StringArrayVarP(&o.env, "setenv", "E", nil, "set an environment variable, `NAME=VALUE`")
	flags.BoolVar(&o.spec.ReadOnly, "read-only", false, "make the root read-only")
	flags.StringVar(&o.network, "network", "", "veth: a pair to the host, or none: loopback only (default: veth to boot, none for a command)")
	flags.StringVar(&o.bundle, "oci-bundle", "", "run the OCI bundle in `DIR` instead of an image; a command replaces the bundle's")
	flags.StringVar(&o.spec.Name, "name", "", "the same as --machine")
	o.dryRun.addTo(cmd)
	return cmd
}

// twoSignals gives a context that ends with the first signal and a channel that closes with the second.
func twoSignals(parent context.Context) (ctx context.Context, insist <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	signals, second := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		cancel()
		<-signals
		close(second)
	}()
	return ctx, second, func() {
		signal.Stop(signals)
		cancel()
	}
}

// run runs a machine and gives its exit status.
func (a *app) run(ctx context.Context, insist <-chan struct{}, o runOptions, args []string) (int, error) {
	if o.bundle != "" {
		return a.runBundle(ctx, insist, o, args)
	}
	if o.dryRun != "" {
		spec, err := o.resolve(args)
		if err != nil {
			return 0, err
		}
		return 0, a.preview(spec, o.dryRun)
	}
	partners := newPartners(a)
	spec, err := o.resolve(args)
	if err != nil {
		return 0, err
	}
	if err := makeTree(ctx, &spec); err != nil {
		return 0, err
	}
	spec.Terminal = isTerminal(a.in) && a.screen
	f := &boot.Foreground{
		Insist:    insist,
		Starter:   boot.Starter{Units: partners, Registry: partners},
		LockImage: func() ([]*os.File, error) { return image.Lock(spec.Root, !spec.SharesImage()) },
		Converse: func(master *os.File, gone <-chan struct{}) error {
			session := terminal.Session{In: a.in, Out: a.file(), Master: master, Gone: gone}
			_, err := session.Run(context.WithoutCancel(ctx))
			return err
		},
	}
	ws, err := f.Run(ctx, spec)
	if err != nil {
		noteFailure(spec.Name, err)
		return 0, err
	}
	if len(spec.Command) == 0 && ws.Signaled() && ws.Signal() == unix.SIGINT {
		return 0, nil // how the kernel ends an init that powers off
	}
	return statusOf(ws), nil
}

// resolve makes the spec that flags, settings and arguments mean, in this order of weight.
func (o runOptions) resolve(args []string) (boot.Spec, error) {
	spec := boot.Spec{Name: o.spec.Name, Command: args[1:]}
	root, missing, err := findTree(args[0])
	if err != nil {
		return spec, err
	}
	spec.Root = root
	if spec.Name == "" {
		spec.Name = filepath.Base(root)
	}
	if err := o.settle(&spec); err != nil {
		return spec, err
	}
	if missing != nil && spec.Template == "" {
		return spec, missing
	}
	if o.spec.Hostname != "" {
		spec.Hostname = o.spec.Hostname
	}
	for _, e := range o.env {
		name, value, ok := strings.Cut(e, "=")
		if !ok || name == "" {
			return spec, fmt.Errorf("environment variable %q is not NAME=VALUE", e)
		}
		if spec.Environment == nil {
			spec.Environment = map[string]string{}
		}
		spec.Environment[name] = value
	}
	spec.ReadOnly = spec.ReadOnly || o.spec.ReadOnly
	switch o.network {
	case "":
	case "veth", "none":
		spec.Network.Veth = new(o.network == "veth")
	default:
		return spec, fmt.Errorf("--network=%s is neither veth nor none", o.network)
	}
	return spec, spec.Validate()
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
