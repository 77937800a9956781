// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"machined-go/boot"
	"machined-go/boot/settings"
	"machined-go/machine/client"
)

// liveSection is a section of settings that can be changed in a running machine, at least in part.
type liveSection struct {
	key string
	// apply changes the machine. It gives the settings, below the section, that take effect at its next start.
	apply func(a *app, ctx context.Context, c liveChange) (later []string, err error)
}

// liveSections are all of them. What is in none takes effect at the next start.
func liveSections() []liveSection {
	return []liveSection{{"resources", (*app).applyResources}, {"health", (*app).applyHealth}}
}

// liveChange is a change of settings of one section.
type liveChange struct {
	machine      *client.Machine
	before, then boot.Spec
	keys         [][]string // below the section; an empty one is all of it
}

// makeLive changes a running machine to what was written, as far as that goes, and tells what takes effect when.
func (a *app) makeLive(ctx context.Context, name string, draft *settings.Draft, changes []settings.Change) error {
	c := liveChange{before: boot.Spec{Name: name, Root: rootOf(name)}}
	c.then = c.before
	machines, err := a.client()
	if err != nil {
		return nil // without a manager none runs
	}
	if c.machine, err = machines.Machine(ctx, name); err != nil {
		return nil
	}
	if err := errors.Join(draft.Now.Apply(&c.before), draft.Then.Apply(&c.then)); err != nil {
		return err
	}
	sections := map[string][][]string{}
	for _, change := range changes {
		if section := change.Key[0]; isLive(section) {
			sections[section] = append(sections[section], change.Key[1:])
		} else {
			a.tellLater(name, change.Name())
		}
	}
	for _, section := range liveSections() {
		if c.keys = sections[section.key]; c.keys == nil {
			continue
		}
		later, err := section.apply(a, ctx, c)
		if err != nil {
			return fmt.Errorf("change %s of running machine %q (it is written, and takes effect at its next start): %w", section.key, name, err)
		}
		for _, key := range later {
			a.tellLater(name, section.key+"."+key)
		}
	}
	return nil
}

func (a *app) tellLater(name, key string) {
	fmt.Fprintf(a.out, "%s: %s takes effect at the next start of the machine\n", name, key)
}

func isLive(section string) bool {
	for _, l := range liveSections() {
		if l.key == section {
			return true
		}
	}
	return false
}

// applyResources has systemd change the machine's unit.
func (a *app) applyResources(ctx context.Context, c liveChange) ([]string, error) {
	changes, err := c.then.Resources.Live(c.before.Resources, c.keys, boot.HostProcessors())
	if err != nil || len(changes.Properties) == 0 {
		return changes.Later, err
	}
	service, err := a.units(ctx)
	if err != nil {
		return nil, err
	}
	return changes.Later, service.SetProperties(ctx, c.machine.Unit, busProperties(changes.Properties)...)
}

// applyHealth has nothing to do, for each check reads the settings; but how often there is one was told systemd at the start.
func (a *app) applyHealth(_ context.Context, c liveChange) (later []string, err error) {
	_, checked := os.Stat(boot.HealthFile(c.machine.Name))
	for _, key := range c.keys {
		if name := strings.Join(key, "."); checked != nil || name == "interval" {
			later = append(later, name)
		}
	}
	return later, nil
}

// runs tells whether a machine runs; without a manager to ask, none does.
func (a *app) runs(ctx context.Context, name string) bool {
	machines, err := a.client()
	if err != nil {
		return false
	}
	_, err = machines.Machine(ctx, name)
	return err == nil
}

// ourService is how the manager knows machines that we started.
const ourService = "machined-go"
