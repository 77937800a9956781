// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"machined-go/boot"
	"machined-go/boot/settings/nspawn"
)

// asked is something that the command line says of the machine.
type asked struct {
	option nspawn.Option
	value  string
}

// specFlag is a flag of run that changes the spec. As flags count more than settings, which are found by what flags say, it is only
// noted down, and tried out on a spec of its own.
type specFlag struct {
	option nspawn.Option
	run    *runOptions
}

// String, Set and Type implement pflag.Value.
func (f specFlag) String() string { return "" }

// Set notes down what the flag says, if that makes sense.
func (f specFlag) Set(value string) error {
	value, err := here(f.option.Name, value)
	if err != nil {
		return err
	}
	if err := f.option.Set(&f.run.alone, value); err != nil {
		return err
	}
	f.run.asked = append(f.run.asked, asked{f.option, value})
	return nil
}

// Type is how the help calls the flag's value.
func (f specFlag) Type() string { return f.option.Arg }

// here puts in what a value refers to of this process: its environment, its directory, its credentials.
func here(flag, value string) (string, error) {
	switch flag {
	case "setenv":
		if !strings.Contains(value, "=") {
			content, ok := os.LookupEnv(value)
			if !ok {
				return "", fmt.Errorf("there is no variable %q in the environment", value)
			}
			return value + "=" + content, nil
		}
	case "bind", "bind-ro":
		return bindHere(value)
	case "network-namespace-path":
		return filepath.Abs(value)
	case "forward-journal":
		if value != "" {
			return filepath.Abs(value)
		}
	case "load-credential":
		id, path, _ := strings.Cut(value, ":")
		if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" && path != "" && !strings.HasPrefix(path, "/") {
			return id + ":" + filepath.Join(dir, path), nil
		}
	}
	return value, nil
}

// bindHere makes a relative source of a bind one below the working directory.
func bindHere(value string) (string, error) {
	if value == "" || strings.ContainsRune("/+:", rune(value[0])) {
		return value, nil
	}
	dir, err := os.Getwd()
	return strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(dir) + "/" + value, err
}

// apply changes spec to what the command line says. Lists go on from what the spec has, but for the network, which the command line
// describes as a whole.
func (o *runOptions) apply(spec *boot.Spec) error {
	network := false
	for _, a := range o.asked {
		if a.option.Network && !network {
			network = true
			spec.Network = boot.Network{Ports: spec.Network.Ports, Veth: new(false)}
		}
		if err := a.option.Set(spec, a.value); err != nil {
			return fmt.Errorf("--%s: %w", a.option.Name, err)
		}
	}
	return nil
}

// missingFlag is a flag of systemd-nspawn that run has no answer to yet: it says so.
type missingFlag struct{ name, arg, why string }

// String, Set and Type implement pflag.Value.
func (r missingFlag) String() string { return "" }

// Set says why not.
func (r missingFlag) Set(string) error { return errors.New(r.why) }

// Type is how the help calls the flag's value.
func (r missingFlag) Type() string { return r.arg }

// missingFlags are those flags.
var missingFlags = []missingFlag{
	{"root-hash", "HASH", "images with verity are not supported yet"},
	{"root-hash-sig", "SIG", "images with verity are not supported yet"},
	{"verity-data", "PATH", "images with verity are not supported yet"},
	{"share-system", "", "machines have namespaces of their own; --private-users=no and --network=host share what can be shared"},
}

// addFlags gives run its flags, group by group as help shows them.
func (o *runOptions) addFlags(flags *pflag.FlagSet) {
	flags.SetInterspersed(false)
	flags.SortFlags = false
	add := func(option nspawn.Option) {
		f := flags.VarPF(specFlag{option, o}, longName(option), option.Short, option.Help)
		f.NoOptDefVal = option.Default
		if option.Arg == "" {
			f.NoOptDefVal = "yes"
		}
		f.Hidden = option.Obsolete
		inGroup(f, option.Group)
	}
	o.addOwnFlags(flags)
	for _, option := range nspawn.Options() {
		add(option)
	}
	for _, option := range ownOptions {
		add(option)
	}
	for _, r := range missingFlags {
		f := flags.VarPF(r, r.name, "", r.why)
		f.Hidden = true
		if r.arg == "" {
			f.NoOptDefVal = "yes"
		}
	}
}

// longName is a flag's name; those that have none are known by their letter.
func longName(option nspawn.Option) string {
	if option.Name == "" {
		return option.Short
	}
	return option.Name
}
