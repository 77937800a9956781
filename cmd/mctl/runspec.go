// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"machined-go/boot"
	"machined-go/boot/settings/nspawn"
	"machined-go/boot/sys"
	"machined-go/machine/image"
)

// settingsMode is how settings files count.
type settingsMode struct{ read, first, trusted bool }

func (o *runOptions) settingsMode() (settingsMode, error) {
	switch o.settings {
	case "":
		return settingsMode{read: true}, nil
	case "override":
		return settingsMode{read: true, first: true}, nil
	case "trusted":
		return settingsMode{read: true, trusted: true}, nil
	}
	read, err := nspawn.ParseBool(o.settings)
	if err != nil {
		return settingsMode{}, fmt.Errorf("--settings=%s is none of yes, no, override, trusted", o.settings)
	}
	return settingsMode{read: read}, nil
}

// resolve makes the spec that flags, settings and arguments mean; flags count more than settings, unless these are to override them.
func (a *app) resolve(o *runOptions, args []string) (boot.Spec, error) {
	if err := o.check(); err != nil {
		return boot.Spec{}, err
	}
	mode, err := o.settingsMode()
	if err != nil {
		return boot.Spec{}, err
	}
	root, rest, err := o.choose(args)
	if err != nil {
		return boot.Spec{}, err
	}
	spec := boot.Spec{Name: o.name, Root: root}
	if o.stack != "" {
		spec.Stack = new(sys.Stack) // what of, furnish finds out
	}
	if spec.Name == "" {
		spec.Name = imageName(root)
	}
	if mode.trusted {
		a.settings.ReadNspawn = trustNspawn
	}
	layers := []func(*boot.Spec) error{func(s *boot.Spec) error { return o.say(s, rest) }}
	if mode.read && mode.first {
		layers = append(layers, a.settle)
	} else if mode.read {
		layers = append([]func(*boot.Spec) error{a.settle}, layers...)
	}
	for _, apply := range layers {
		if err := apply(&spec); err != nil {
			return spec, err
		}
	}
	switch {
	case o.assigned != "":
		spec.Name = o.assigned
	case spec.Ephemeral && o.name == "":
		spec.Name = passing(spec.Name)
	}
	if o.missing != nil && spec.Template == "" {
		return spec, o.missing
	}
	return spec, spec.Validate()
}

// check finds flags that exclude each other, beyond what is wrong with any spec.
func (o *runOptions) check() error {
	n := o.alone.Network
	switch {
	case o.boot && o.alone.StubInit:
		return errors.New("--boot and --as-pid2 exclude each other: an init is PID 1 itself")
	case n.NamespacePath != "" && n.Veth != nil && *n.Veth:
		return errors.New("--network-namespace-path is a whole network: take out the other flags of the network")
	case o.alone.Template != "" && (o.image != "" || o.stack != ""):
		return errors.New("--template makes a directory: use --directory or a name")
	case o.remove && o.alone.Template == "" && !o.alone.Ephemeral:
		return errors.New("--rm removes what --ephemeral or --template made: add one of them")
	}
	return nil
}

// trustNspawn reads settings of systemd-nspawn that came with an image as if they were the administrator's.
func trustNspawn(path string, _ bool, spec *boot.Spec) ([]string, error) {
	return nspawn.Read(path, true, spec)
}

// say changes spec to what flags and arguments say.
func (o *runOptions) say(spec *boot.Spec, args []string) error {
	switch {
	case o.boot:
		spec.Command, spec.InitArguments = nil, args
	case len(args) > 0:
		spec.Command, spec.InitArguments = args, nil
	}
	return o.apply(spec)
}

// choose finds the image to run, and which arguments are left: flags name one, else it is the first argument, else the one that is
// named like the machine.
func (o *runOptions) choose(args []string) (root string, rest []string, err error) {
	var given []string
	for _, path := range []string{o.directory, o.image, o.stack} {
		if path != "" {
			given = append(given, path)
		}
	}
	switch {
	case len(given) > 1:
		return "", nil, errors.New("--directory, --image and --mstack exclude each other: name one image")
	case len(given) == 1:
		root, err = filepath.Abs(given[0])
		return root, args, err
	case o.name != "" && (len(args) == 0 || commandOf(o.name, args[0])):
		root, err = o.find(o.name)
		return root, args, err
	case len(args) == 0:
		return "", nil, errors.New("name an image to run: see `mctl list --all` for those that are there, and `mctl run --help`")
	}
	root, err = o.find(args[0])
	return root, args[1:], err
}

// commandOf tells whether an argument is a command for the image that is named like the machine, as systemd-nspawn has it: the path of
// something that cannot be an image.
func commandOf(name, argument string) bool {
	if _, err := image.Find(name); err != nil || !strings.HasPrefix(argument, "/") || strings.HasSuffix(argument, ".raw") {
		return false
	}
	info, err := os.Stat(argument)
	return err != nil || info.Mode().IsRegular()
}

// find finds an image by path or name. One that is to be made from a template may not be there yet.
func (o *runOptions) find(name string) (path string, err error) {
	path, o.missing, err = findTree(name)
	return path, err
}

// imageName is the name of the machine that an image at this path makes.
func imageName(path string) string {
	if versions, ok := strings.CutSuffix(filepath.Dir(path), ".v"); ok {
		path = versions // systemd.v(7)
	}
	name := filepath.Base(path)
	for _, suffix := range []string{".raw", ".mstack"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// passing makes a name for a machine that does not stay, as systemd-nspawn does.
func passing(name string) string {
	const longest = 64
	var id [8]byte
	sys.Random(id[:])
	suffix := "-" + hex.EncodeToString(id[:])
	return strings.TrimRight(name[:min(len(name), longest-len(suffix))], "-.") + suffix
}
