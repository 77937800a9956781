// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"machined-go/boot"
	"machined-go/machine/image"
)

// detach has the machine's service run it and returns once it is ready.
func (a *app) detach(ctx context.Context, o *runOptions, args []string) error {
	if c := o.alone.Console; c == "interactive" || c == "pipe" {
		return fmt.Errorf("--console=%s is for the foreground: leave out --detach", c)
	}
	if o.alone.KillSignal != "" {
		return errors.New("--kill-signal is for the foreground: set kill_signal in the machine's settings, for its service")
	}
	if o.background != "" || o.keepUnit {
		return errors.New("--background and --keep-unit are for the foreground: leave out --detach")
	}
	if o.remove && o.alone.Template != "" {
		return errors.New("--rm with --template is for the foreground: leave out --detach")
	}
	spec, err := a.resolve(o, args)
	if err != nil {
		return err
	}
	var command *boot.CommandError
	if !image.IsDisk(spec.Root) && spec.Stack == nil { // which would have to be mounted for that
		if _, err := boot.Inspect(spec); errors.As(err, &command) {
			return err
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	service, err := a.units(ctx)
	if err != nil {
		return fmt.Errorf("%w: --detach needs systemd", err)
	}
	withdraw, err := order{dir, spec.Name, o.words(args)}.leave()
	if err != nil {
		return err
	}
	err = startUnit(ctx, service, spec.Name, a.lastWords)
	if left := withdraw(); left && err == nil {
		err = fmt.Errorf("machine %q runs already, or is being started: see `mctl status %s`", spec.Name, spec.Name)
	}
	if err == nil {
		_, err = fmt.Fprintln(a.out, spec.Name)
	}
	return err
}

// words are the command line again, for another process.
func (o *runOptions) words(args []string) []string {
	var words []string
	add := func(name, value string) {
		if value != "" {
			words = append(words, "--"+name+"="+value)
		}
	}
	add("machine", o.name)
	add("directory", o.directory)
	add("image", o.image)
	add("mstack", o.stack)
	add("settings", o.settings)
	add("register", o.register)
	if o.boot {
		add("boot", "true")
	}
	if o.remove {
		add("rm", "true")
	}
	for _, a := range o.asked {
		words = append(words, "--"+longName(a.option)+"="+a.value)
	}
	return append(append(words, "--"), args...)
}
