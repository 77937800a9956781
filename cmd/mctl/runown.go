// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"machined-go/boot"
	"machined-go/boot/settings/nspawn"
)

// Groups of flags that are not systemd-nspawn's.
const (
	groupWay    = "How it runs"
	groupChoice = "Image"
	groupAmount = "What the machine may use"
)

// addOwnFlags adds what says which image to run and how to go about it.
func (o *runOptions) addOwnFlags(flags *pflag.FlagSet) {
	group := groupWay
	text := func(to *string, name, short, arg, help string) {
		inGroup(flags.VarPF(textFlag{to, arg}, name, short, help), group)
	}
	yes := func(to *bool, name, short, help string) {
		flags.BoolVarP(to, name, short, false, help)
		inGroup(flags.Lookup(name), group)
	}
	text(&o.name, "machine", "M", "NAME", "name of the machine (default: the image's)")
	text(&o.name, "name", "", "NAME", "the same as --machine")
	yes(&o.boot, "boot", "b", "boot; the arguments are the init's (the default without arguments)")
	yes(&o.detach, "detach", "d", "return once it is ready, and leave it to systemd")
	yes(&o.remove, "rm", "", "remove at its end the tree that --template made")
	yes(&o.keepUnit, "keep-unit", "", "stay in the unit that run is started in, a service with Delegate=yes, instead of a scope of its own")
	text(&o.settings, "settings", "", "MODE", "settings files: yes, no, override (they count more than flags), trusted (also beside the image)")
	text(&o.register, "register", "", "BOOL", "whether it is in the list of machines: yes, no or auto (the default)")
	yes(&o.cleanup, "cleanup", "", "run nothing, but remove what a machine left that was killed")
	inGroup(o.dryRun.addTo(flags), group)

	inGroup(flags.VarPF(colourFlag{&o.background}, "background", "", "colour of the terminal meanwhile, such as 44 (ECMA-48, SGR)"), "Console")

	group = groupChoice
	text(&o.directory, "directory", "D", "PATH", "run the tree in this directory; all arguments are the command")
	text(&o.image, "image", "i", "PATH", "run this disk image or block device, likewise")
	text(&o.bundle, "oci-bundle", "", "DIR", "run this OCI bundle; a command replaces the bundle's")
	text(&o.stack, "mstack", "", "PATH", "run the layers in this directory, likewise (systemd.mstack(7))")

	// What these say is so anyway.
	var ignored bool
	for name, short := range map[string]string{"quiet": "q", "no-pager": "", "no-ask-password": "", "system": ""} {
		flags.BoolVarP(&ignored, name, short, false, "nothing else is possible")
		flags.Lookup(name).Hidden = true
	}
}

// textFlag is a flag with a text; arg is how help calls that.
type textFlag struct {
	to  *string
	arg string
}

// String, Set and Type implement pflag.Value.
func (f textFlag) String() string { return "" }

// Set takes any text but an empty one.
func (f textFlag) Set(value string) error { return filled(f.to, value) }

// Type is how the help calls the flag's value.
func (f textFlag) Type() string { return f.arg }

// colourFlag is the number, or numbers, of a background colour; empty for none.
type colourFlag struct{ to *string }

// String, Set and Type implement pflag.Value.
func (f colourFlag) String() string { return "" }

// Set takes what a terminal understands as a colour, and nothing else.
func (f colourFlag) Set(value string) error {
	if strings.Trim(value, "0123456789;") != "" {
		return fmt.Errorf("%q is not a colour such as 44 or 48;5;52", value)
	}
	*f.to = value
	return nil
}

// Type is how the help calls the flag's value.
func (f colourFlag) Type() string { return "COLOR" }

// ownOptions are what a machine can be asked for that systemd-nspawn has no option for.
var ownOptions = []nspawn.Option{
	{Name: "template", Arg: "PATH|NAME", Group: groupChoice, Help: "make the tree, if there is none yet, from this image or directory",
		Set: func(s *boot.Spec, value string) (err error) {
			if strings.Contains(value, "/") {
				value, err = filepath.Abs(value)
			}
			return errors.Join(err, filled(&s.Template, value))
		}},
	{Name: "volume", Arg: "NAME:INSIDE[:ro]", Group: "Mounts", Help: "a directory that outlives the machine, and that all who name it share", Set: volume},
	{Name: "device", Arg: "PATH[:INSIDE[:ACCESS]]", Group: "Security", Help: "a device of the host, or a directory of them; ACCESS is of r, w, m (default: rw)",
		Set: device},
	{Name: "nesting", Group: "Security", Help: "let it run containers and machines itself",
		Set: func(s *boot.Spec, value string) (err error) {
			s.Security.Nesting, err = nspawn.ParseBool(value)
			return err
		}},
	{Name: "network", Arg: "MODE", Group: "Network", Network: true, Help: "veth (--network-veth), none (--private-network) or host (the host's own)", Set: networkMode},
	{Name: "user", Arg: "USER", Group: "What runs", Obsolete: true, Help: "--uid", Set: oldUser},

	amount("cpu", "PERCENT", "processor time: 150% for one and a half processors", func(r *boot.Resources) *string { return &r.CPU }),
	weight("cpu-weight", "share of processor time under contention, 1 to 10000 (default: 100)", func(r *boot.Resources) *uint64 { return &r.CPUWeight }),
	amount("cpus", "CPUS", "processors, such as 0-3", func(r *boot.Resources) *string { return &r.CPUs }),
	amount("memory", "SIZE", "memory, such as 2G or 25%", func(r *boot.Resources) *string { return &r.Memory }),
	amount("memory-high", "SIZE", "memory beyond which it is slowed down", func(r *boot.Resources) *string { return &r.MemoryHigh }),
	amount("memory-low", "SIZE", "memory that is taken from it last", func(r *boot.Resources) *string { return &r.MemoryLow }),
	amount("swap", "SIZE", "swap", func(r *boot.Resources) *string { return &r.Swap }),
	amount("tasks", "N", "processes and threads", func(r *boot.Resources) *string { return &r.Tasks }),
	weight("io-weight", "share of disk time under contention, 1 to 10000 (default: 100)", func(r *boot.Resources) *uint64 { return &r.IOWeight }),
	rate("io-read", "bytes a second read from a device", func(r *boot.Resources) *map[string]string { return &r.IORead }),
	rate("io-write", "bytes a second written", func(r *boot.Resources) *map[string]string { return &r.IOWrite }),
	rate("io-read-ops", "read operations a second", func(r *boot.Resources) *map[string]string { return &r.IOReadOps }),
	rate("io-write-ops", "write operations a second", func(r *boot.Resources) *map[string]string { return &r.IOWriteOps }),
	amount("disk", "SIZE", "space of its tree, where the file system has quotas", func(r *boot.Resources) *string { return &r.Disk }),
}

// filled sets a field to a value that is not empty.
func filled(field *string, value string) error {
	if value == "" {
		return fmt.Errorf("the value is empty")
	}
	*field = value
	return nil
}

func amount(name, arg, help string, field func(*boot.Resources) *string) nspawn.Option {
	return nspawn.Option{Name: name, Arg: arg, Group: groupAmount, Help: help, Set: func(s *boot.Spec, value string) error {
		return filled(field(&s.Resources), value)
	}}
}

func weight(name, help string, field func(*boot.Resources) *uint64) nspawn.Option {
	return nspawn.Option{Name: name, Arg: "N", Group: groupAmount, Help: help, Set: func(s *boot.Spec, value string) error {
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil || n < 1 || n > 10000 {
			return fmt.Errorf("%q is not a number from 1 to 10000", value)
		}
		*field(&s.Resources) = n
		return nil
	}}
}

func rate(name, help string, field func(*boot.Resources) *map[string]string) nspawn.Option {
	return nspawn.Option{Name: name, Arg: "DEVICE=RATE", Group: groupAmount, Help: help, Set: func(s *boot.Spec, value string) error {
		device, amount, ok := strings.Cut(value, "=")
		if !ok || device == "" || amount == "" {
			return fmt.Errorf("%q is not DEVICE=RATE", value)
		}
		all := map[string]string{device: amount}
		for other, amount := range *field(&s.Resources) {
			if other != device {
				all[other] = amount
			}
		}
		*field(&s.Resources) = all
		return nil
	}}
}

func volume(s *boot.Spec, value string) error {
	parts := strings.Split(value, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || !strings.HasPrefix(parts[1], "/") || len(parts) == 3 && parts[2] != "ro" {
		return fmt.Errorf("%q is not NAME:INSIDE[:ro]", value)
	}
	s.Volumes = append(s.Volumes[:len(s.Volumes):len(s.Volumes)], boot.Volume{Name: parts[0], Target: parts[1], ReadOnly: len(parts) == 3})
	return nil
}

func device(s *boot.Spec, value string) error {
	parts := append(strings.Split(value, ":"), "", "")
	if len(parts) > 5 || !strings.HasPrefix(parts[0], "/") || strings.Trim(parts[2], "rwm") != "" {
		return fmt.Errorf("%q is not PATH[:INSIDE[:ACCESS]]", value)
	}
	s.Devices = append(s.Devices[:len(s.Devices):len(s.Devices)], boot.Device{Path: parts[0], Target: parts[1], Access: parts[2]})
	return nil
}

func networkMode(s *boot.Spec, value string) error {
	private := value != "host"
	switch value {
	case "veth", "none", "host":
		s.Network.Veth, s.Network.Private = new(value == "veth"), &private
		return nil
	}
	return fmt.Errorf("%q is none of veth, none, host", value)
}

// oldUser is --user, which means --uid if it has a value, and machines of the calling user if it has none.
func oldUser(s *boot.Spec, value string) error {
	if value == "" || strings.HasPrefix(value, "-") {
		return fmt.Errorf("machines of a user of their own are not supported: to run as a user inside, use --uid")
	}
	s.User = value
	return nil
}
